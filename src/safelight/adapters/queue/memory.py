"""The queue of jobs: PgQueuer, in the memory of the one process.

Nothing here outlives the process, and a job that its handler did not finish is
dropped: reconcile finds from the records what is lost. A job that is queued for now while the same job runs is left
out, since it would do what the running one does; should it come too late for that, reconcile finds it as well.
"""

import asyncio
from datetime import datetime, timedelta

import structlog
from pgqueuer.adapters.inmemory import InMemoryDriver, InMemoryQueries
from pgqueuer.core.qm import QueueManager
from pgqueuer.models import OPERATIONS, QueueEntrypoint, QueueManagerId
from pgqueuer.models import Job as QueuedJob
from pgqueuer.ports.repository import EntrypointExecutionParameter

from safelight.adapters.queue.lanes import LANES, PLACES, job_named, name_of
from safelight.domain.jobs import Job
from safelight.ports.clock import Clock
from safelight.ports.jobs import Handler

log = structlog.get_logger(__name__)

CANCEL_TIMEOUT_S = 0.5
"""How long a cancelled handler may take to tidy up before the queue stops without it."""

LOOK_FOR_LATER_JOBS_EVERY = timedelta(milliseconds=200)
"""Jobs for later are further tries, which may be so much late. One look takes less than a tenth of a millisecond."""


class MemoryQueue:
    """ports.jobs.Jobs in memory. Made and used within one event loop."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._queries = QuietQueries(InMemoryDriver())

    async def enqueue(self, job: Job, *, run_at: datetime | None = None) -> None:
        """Queue a job, not to run before `run_at`. One that is queued or running already is not queued again."""
        lane, priority = PLACES[type(job)]
        name = name_of(job)
        await self._queries.enqueue(
            lane.name,
            name.encode(),
            priority,
            execute_after=None if run_at is None else max(run_at - self._clock.now(), timedelta(0)),
            dedupe_key=name if run_at is None else f"{name} at {run_at.isoformat()}",
            on_conflict="skip",
        )

    async def run(self, handler: Handler, *, concurrency: int) -> None:
        """Run jobs until cancelled, at most so many renderings at once. May be called again afterwards."""
        self._queries.driver = InMemoryDriver()  # nobody is left who listens for an earlier run
        work = _Work(handler)
        manager = QueueManager(self._queries)
        for lane in LANES:
            manager.entrypoint(lane.name, concurrency_limit=lane.concurrency or concurrency)(work.run)
        # One job to a batch, so that PgQueuer notes the end of a job at once: until then its place stays taken.
        runner = asyncio.create_task(manager.run(batch_size=1, log_aggregation_interval=timedelta(0)))
        try:
            await asyncio.wait([runner])
        finally:
            work.stop()
            runner.cancel()
            await asyncio.wait([runner], timeout=CANCEL_TIMEOUT_S)
        await runner

    async def depth(self) -> int:
        """Return how many jobs wait, those for later included."""
        return await self._queries.queued_work([QueueEntrypoint(lane.name) for lane in LANES])

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


class _Work:
    """Runs the handler for one job after the other; `stop` cuts off those under way, and lets no more begin."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._under_way: set[asyncio.Task[object]] = set()
        self._stopped = False

    async def run(self, queued: QueuedJob) -> None:
        """Run the handler. What it raises ends here: the record knows when to try again."""
        task = asyncio.current_task()
        if self._stopped or task is None:
            return
        self._under_way.add(task)
        job = job_named((queued.payload or b"").decode())
        try:
            await self._handler(job)
        except Exception:
            log.exception("job_failed", job=name_of(job))
        finally:
            self._under_way.discard(task)

    def stop(self) -> None:
        """Cancel what is under way. PgQueuer itself would wait for it without end."""
        self._stopped = True
        for task in self._under_way:
            task.cancel()
