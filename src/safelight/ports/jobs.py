"""The queue of jobs: a way to be quick. What it loses, reconcile finds from the records."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Protocol

from safelight.domain.jobs import Job

Handler = Callable[[Job], Awaitable[None]]


AT_ONCE = timedelta(0)

MOST_AHEAD = 1000
"""So many jobs of one owner are counted: whoever has more has as many."""


class Jobs(Protocol):
    """Queues jobs and runs them."""

    async def enqueue(self, job: Job, *, run_at: datetime | None = None, behind: int = 0) -> None:
        """Queue a job, not to run before `run_at`. One that is queued or running already is not queued again.

        `behind`: how many jobs of the same owner go before it. The more there are, the later it runs: those of others
        with fewer come first. A queued image that is asked for again keeps the better of its two turns.

        A job for later counts apart from the same job for now, or for another time: while it runs, a job can ask for
        its own next try, and that one for the next. Of upkeep, there is one of each at most.
        """
        ...

    async def run(
        self, handler: Handler, *, recover: Handler | None = None, concurrency: int, grace: timedelta = AT_ONCE
    ) -> None:
        """Run jobs until cancelled, at most so many at once of those that render.

        `recover` has, in place of the handler, each job whose worker ended without a word: it may have been the job
        that ended it.

        A handler's exception is logged and the job dropped: the record knows when to try again. Once cancelled, no job
        begins any more, those under way have `grace` to end, and the rest is cut off and handed back: it is queued, and
        whoever runs jobs next may have it at once. A second cancel ends the grace.
        """
        ...

    async def depth(self, *, at_most: int | None = None) -> int:
        """Return how many jobs wait, those for later included, and upkeep left out.

        Where there are more than `at_most`, that.
        """
        ...

    async def forget_finished(self) -> None:
        """Drop what the queue remembers of jobs that are done."""
        ...
