"""The queue of jobs: PgQueuer, in the memory of the one process.

Nothing here outlives the process, and a job that its handler did not finish is
dropped: reconcile finds from the records what is lost. A job that is queued for now while the same job runs is left
out, since it would do what the running one does; should it come too late for that, reconcile finds it as well.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from pgqueuer.adapters.inmemory import InMemoryDriver, InMemoryQueries
from pgqueuer.core.qm import QueueManager
from pgqueuer.models import OPERATIONS, QueueEntrypoint, QueueManagerId
from pgqueuer.models import Job as QueuedJob
from pgqueuer.ports.repository import EntrypointExecutionParameter

from safelight.adapters.queue.lanes import COUNTED, LANES
from safelight.adapters.queue.put import enqueue
from safelight.adapters.queue.wakes import Wakes
from safelight.adapters.queue.work import HandBack, Work, run_manager
from safelight.domain.jobs import Job
from safelight.ports.clock import Clock
from safelight.ports.jobs import AT_ONCE, Handler

STOP_WITHIN = timedelta(milliseconds=500)
"""How long a cancelled handler may take to tidy up before the queue stops without it."""

LOOK_FOR_LATER_JOBS_EVERY = timedelta(milliseconds=200)
"""Jobs for later are further tries, which may be so much late. One look takes less than a tenth of a millisecond."""


class MemoryQueue:
    """ports.jobs.Jobs in memory. Made and used within one event loop."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._queries = QuietQueries(QuietDriver())

    async def enqueue(self, job: Job, *, run_at: datetime | None = None, behind: int = 0) -> None:
        """Queue a job, not to run before `run_at`. One that is queued or running already is not queued again."""
        await enqueue(self._queries, job, run_at=run_at, behind=behind, now=self._clock.now())

    async def run(
        self, handler: Handler, *, recover: Handler | None = None, concurrency: int, grace: timedelta = AT_ONCE
    ) -> None:
        """Run jobs until cancelled, at most so many renderings at once. May be called again afterwards."""
        del recover  # with its worker, the whole queue ends
        self._queries.driver = QuietDriver()  # nobody is left who listens for an earlier run
        work = Work(handler)
        manager = QueueManager(self._queries)
        for lane in LANES:
            limit = lane.concurrency or concurrency
            manager.entrypoint(lane.name, concurrency_limit=limit, executor_factory=HandBack)(work.run)
        await run_manager(manager, work, grace=grace, stop_within=STOP_WITHIN)

    async def depth(self, *, at_most: int | None = None) -> int:
        """Return how many jobs wait, those for later included; where there are more than `at_most`, that."""
        waiting = await self._queries.queued_work([QueueEntrypoint(lane.name) for lane in COUNTED])
        return waiting if at_most is None else min(waiting, at_most)

    async def forget_finished(self) -> None:
        """Drop the log of jobs that are done, which PgQueuer keeps for ever."""
        await self._queries.clear_queue_log()


class QuietDriver(InMemoryDriver):
    """PgQueuer's driver in memory, whose manager hears of changes through `wakes` alone."""

    def __init__(self) -> None:
        super().__init__()
        self.wakes = Wakes()

    async def add_listener(self, _channel: str, callback: Callable[[str], None]) -> None:
        """Let the manager hear of changes."""
        self.wakes.add(callback)


class QuietQueries(InMemoryQueries):
    """PgQueuer's memory, which tells its manager no more than `Wakes`, and never reads all that is queued."""

    driver: QuietDriver

    async def dequeue(
        self,
        batch_size: int,
        entrypoints: dict[QueueEntrypoint, EntrypointExecutionParameter],
        queue_manager_id: QueueManagerId,
        global_concurrency_limit: int | None,
        heartbeat_timeout: timedelta,
    ) -> list[QueuedJob]:
        """Look at the queue."""
        self.driver.wakes.looks()
        return await super().dequeue(
            batch_size, entrypoints, queue_manager_id, global_concurrency_limit, heartbeat_timeout
        )

    async def eligible_queued_work(self, _entrypoints: list[QueueEntrypoint]) -> int:
        """Hear that the manager is about to wait. It need not look again in a moment, as every change wakes it."""
        self.driver.wakes.waits()
        return 0

    async def next_deferred_eta(self, _entrypoints: list[QueueEntrypoint]) -> timedelta:
        """Return when to look for jobs whose time has come: soon, rather than to read all that wait for the soonest."""
        return LOOK_FOR_LATER_JOBS_EVERY

    async def emit_table_changed(self, _operation: OPERATIONS) -> None:
        """Wake the manager, if it waits."""
        self.driver.wakes.wake()
