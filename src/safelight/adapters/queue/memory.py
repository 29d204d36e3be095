"""The queue of jobs: PgQueuer, in the memory of the one process.

Nothing here outlives the process, and a job that its handler did not finish is
dropped: reconcile finds from the records what is lost. A job that is queued for now while the same job runs is left
out, since it would do what the running one does; should it come too late for that, reconcile finds it as well.
"""

from datetime import datetime, timedelta

from pgqueuer.adapters.inmemory import InMemoryDriver, InMemoryQueries
from pgqueuer.core.qm import QueueManager
from pgqueuer.models import OPERATIONS, QueueEntrypoint, QueueManagerId
from pgqueuer.models import Job as QueuedJob
from pgqueuer.ports.repository import EntrypointExecutionParameter

from safelight.adapters.queue.lanes import COUNTED, LANES
from safelight.adapters.queue.put import enqueue
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
        self._queries = QuietQueries(InMemoryDriver())

    async def enqueue(self, job: Job, *, run_at: datetime | None = None, behind: int = 0) -> None:
        """Queue a job, not to run before `run_at`. One that is queued or running already is not queued again."""
        await enqueue(self._queries, job, run_at=run_at, behind=behind, now=self._clock.now())

    async def run(
        self, handler: Handler, *, recover: Handler | None = None, concurrency: int, grace: timedelta = AT_ONCE
    ) -> None:
        """Run jobs until cancelled, at most so many renderings at once. May be called again afterwards."""
        del recover  # with its worker, the whole queue ends
        self._queries.driver = InMemoryDriver()  # nobody is left who listens for an earlier run
        work = Work(handler)
        manager = QueueManager(self._queries)
        for lane in LANES:
            limit = lane.concurrency or concurrency
            manager.entrypoint(lane.name, concurrency_limit=limit, executor_factory=HandBack)(work.run)
        await run_manager(manager, work, grace=grace, stop_within=STOP_WITHIN)

    async def depth(self) -> int:
        """Return how many jobs wait, those for later included."""
        return await self._queries.queued_work([QueueEntrypoint(lane.name) for lane in COUNTED])

    async def forget_finished(self) -> None:
        """Drop the log of jobs that are done, which PgQueuer keeps for ever."""
        await self._queries.clear_queue_log()


class QuietQueries(InMemoryQueries):
    """PgQueuer's memory, which wakes its manager once for each time that it waits, and never reads all that is queued.

    PgQueuer tells of every change, and its manager keeps what it has not read yet: under load it would fall behind, a
    kilobyte for each job. Nothing is lost: a change that came after the last look at the queue wakes the manager as
    soon as it waits.
    """

    _changed = False
    _waiting = False

    async def dequeue(
        self,
        batch_size: int,
        entrypoints: dict[QueueEntrypoint, EntrypointExecutionParameter],
        queue_manager_id: QueueManagerId,
        global_concurrency_limit: int | None,
        heartbeat_timeout: timedelta,
    ) -> list[QueuedJob]:
        """Look at the queue."""
        self._changed = self._waiting = False
        return await super().dequeue(
            batch_size, entrypoints, queue_manager_id, global_concurrency_limit, heartbeat_timeout
        )

    async def eligible_queued_work(self, _entrypoints: list[QueueEntrypoint]) -> int:
        """Hear that the manager is about to wait. It need not look again in a moment, as every change wakes it."""
        self._waiting = True
        if self._changed:
            await self.emit_table_changed("update")
        return 0

    async def next_deferred_eta(self, _entrypoints: list[QueueEntrypoint]) -> timedelta:
        """Return when to look for jobs whose time has come: soon, rather than to read all that wait for the soonest."""
        return LOOK_FOR_LATER_JOBS_EVERY

    async def emit_table_changed(self, operation: OPERATIONS) -> None:
        """Wake the manager, if it waits."""
        self._changed = True
        if self._waiting:
            self._waiting = False
            await super().emit_table_changed(operation)
