"""What both queues do with PgQueuer: run the handler for one job after the other, and stop."""

import asyncio
from datetime import timedelta

import structlog
from pgqueuer.core.executors import EntrypointExecutor
from pgqueuer.core.qm import QueueManager
from pgqueuer.errors import RetryRequested
from pgqueuer.models import Context
from pgqueuer.models import Job as QueuedJob

from safelight.adapters.queue.lanes import HELD, UnknownJob, job_named, name_of
from safelight.domain.errors import Busy, StorageFailed
from safelight.ports.jobs import Handler

log = structlog.get_logger(__name__)

UNKNOWN_WAITS = timedelta(seconds=10)
"""How long a job that this version does not know is left to workers that do."""


class Held(Exception):
    """So many workers began the job, and none ended it, that it is given to no other."""


class HandBack(EntrypointExecutor):
    """Gives a job back that was cut off: PgQueuer itself would drop it."""

    async def execute(self, job: QueuedJob, context: Context) -> None:
        """Run the job."""
        try:
            await super().execute(job, context)
        except asyncio.CancelledError:
            raise RetryRequested(reason="it was cut off") from None


class Work:
    """Runs the handler for one job after the other, or `recover`, where an earlier worker never ended the job.

    A job that ended `max_tries` workers is held, where nothing else stops it.
    """

    def __init__(
        self,
        handler: Handler,
        *,
        recover: Handler | None = None,
        max_tries: int | None = None,
    ) -> None:
        self._handler = handler
        self._recover = recover
        self._max_tries = max_tries
        self._under_way: set[asyncio.Task[object]] = set()
        self._closed = False

    async def run(self, queued: QueuedJob) -> None:
        """Run the handler. What it raises ends here: the record knows when to try again."""
        task = asyncio.current_task()
        if self._closed or task is None:
            raise RetryRequested(reason="the queue stops")
        self._under_way.add(task)
        try:
            await self._run(queued)
        finally:
            self._under_way.discard(task)

    async def _run(self, queued: QueuedJob) -> None:
        try:
            job = job_named((queued.payload or b"").decode(errors="replace"))
        except UnknownJob as unknown:
            log.warning("job_unknown", job=unknown.name)
            raise RetryRequested(UNKNOWN_WAITS, "this version does not know it") from unknown
        if self._max_tries is not None and queued.attempts > self._max_tries and isinstance(job, HELD):
            log.error("job_held", job=name_of(job), tries=queued.attempts - 1)
            raise Held
        handler = self._recover if self._recover is not None and queued.attempts > 1 else self._handler
        try:
            await handler(job)
        except (StorageFailed, Busy) as away:
            log.warning("job_failed", job=name_of(job), code=away.code, reason=str(away))
        except Exception:
            log.exception("job_failed", job=name_of(job))

    def close(self) -> None:
        """Let no more begin."""
        self._closed = True

    def stop(self) -> None:
        """Cut off what is under way: it is handed back."""
        self._closed = True
        for task in self._under_way:
            task.cancel()


async def run_manager(
    manager: QueueManager,
    work: Work,
    *,
    grace: timedelta,
    stop_within: timedelta,
    dequeue_timeout: timedelta = timedelta(seconds=30),
    heartbeat_timeout: timedelta = timedelta(seconds=30),
) -> None:
    """Run the manager until it is cancelled; then let what is under way end within `grace`, and hand back the rest.

    A handler that goes on for `stop_within` after it was cut off is left alone.
    """
    # One job to a batch: no job waits in a worker that has no place for it while another has.
    runner = asyncio.create_task(
        manager.run(
            dequeue_timeout,
            batch_size=1,
            heartbeat_timeout=heartbeat_timeout,
            log_aggregation_interval=timedelta(0),
        )
    )
    try:
        await asyncio.wait([runner])
    finally:
        work.close()
        manager.shutdown.set()
        try:
            await asyncio.wait([runner], timeout=grace.total_seconds())
        finally:
            work.stop()
            _, stuck = await asyncio.wait([runner], timeout=stop_within.total_seconds())
            for task in stuck:
                task.cancel()
    await runner
