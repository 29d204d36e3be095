"""PgQueuer's queries as one worker asks them: for lanes in which it has a place, and calmly while Postgres is away."""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping
from datetime import timedelta

import structlog
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.models import JOB_STATUS, HealthCheckId, Job, JobId, QueueEntrypoint, QueueManagerId, TracebackRecord
from pgqueuer.ports.repository import EntrypointExecutionParameter

from safelight.adapters.queue.bell import RUNG
from safelight.adapters.queue.driver import PoolDriver
from safelight.adapters.queue.errors import LOST
from safelight.adapters.queue.lanes import LATER
from safelight.adapters.queue.schema import QUEUE, SETTINGS, builders
from safelight.adapters.queue.wakes import Wakes

log = structlog.get_logger(__name__)

FIRST_WAIT = timedelta(milliseconds=100)
LONGEST_WAIT = timedelta(seconds=5)
"""Waits before Postgres is asked again that gave no answer: doubled each time."""

NEVER = timedelta(days=365)

COUNT_TRY = f"UPDATE {QUEUE} SET attempts = attempts + 1 WHERE id = ANY($1::bigint[])"  # noqa: S608 - our own name

HAND_BACK = f"""
    WITH returned AS (
        UPDATE {QUEUE}
        SET status = 'queued', queue_manager_id = NULL, slot = NULL, updated = now(),
            execute_after = now() + $3::interval, attempts = greatest(attempts - 1, 0)
        WHERE id = $1 AND queue_manager_id = $2 AND status = 'picked'
        RETURNING id
    )
    SELECT pg_notify('{SETTINGS.channel}', '{RUNG}') FROM returned
"""  # noqa: S608 - our own names
"""Queues a job again that this worker still has, as if it had not been taken, and tells the others."""

LET_IN_AT_ONCE = 1000
LOOK_EVERY_S = 1.0
"""How often a worker that never waits looks for jobs whose time has come."""

LET_IN = f"""
    WITH due AS (
        SELECT job.id FROM unnest($1::text[]) AS lane(name)
        CROSS JOIN LATERAL (
            SELECT id FROM {QUEUE}
            WHERE status = 'queued' AND entrypoint = '{LATER}' || lane.name AND execute_after <= now()
            ORDER BY execute_after LIMIT {LET_IN_AT_ONCE} FOR UPDATE SKIP LOCKED
        ) job
    )
    UPDATE {QUEUE} AS job SET entrypoint = substr(job.entrypoint, {len(LATER) + 1}) FROM due WHERE job.id = due.id
"""  # noqa: S608 - our own names
"""Lets jobs into their lanes whose time has come."""

SOONEST = f"""
    SELECT min(first.execute_after) - now() AS due
    FROM unnest($1::text[]) AS lane(name)
    CROSS JOIN LATERAL (
        SELECT execute_after FROM {QUEUE}
        WHERE status = 'queued' AND entrypoint = lane.name ORDER BY execute_after LIMIT 1
    ) first
"""  # noqa: S608 - our own name


class WorkerQueries(Queries):
    """The queries of one worker. `places`: how many jobs of each lane it runs at once."""

    def __init__(
        self, driver: PoolDriver, wakes: Wakes, places: Mapping[QueueEntrypoint, int], *, poll_every: timedelta
    ) -> None:
        super().__init__(driver, *builders())
        self._wakes = wakes
        self._places = places
        self._poll_every = poll_every
        self._taken: dict[JobId, QueueEntrypoint] = {}
        self._wait: timedelta | None = None
        self._lenient_until = self._let_in_at = 0.0
        self._stopping = False

    def _ended(self, *jobs: Job) -> None:
        """Give the places of jobs to others, now that Postgres knows of their end."""
        for job in jobs:
            self._taken.pop(job.id, None)
        self._wakes.wake()

    def stop(self) -> None:
        """Try nothing again."""
        self._stopping = True

    def _free(self) -> list[QueueEntrypoint]:
        """Return the lanes in which there is a place."""
        taken = Counter(self._taken.values())
        return [lane for lane, places in self._places.items() if taken[lane] < places]

    async def dequeue(
        self,
        batch_size: int,
        entrypoints: dict[QueueEntrypoint, EntrypointExecutionParameter],
        queue_manager_id: QueueManagerId,
        global_concurrency_limit: int | None,
        heartbeat_timeout: timedelta,
    ) -> list[Job]:
        """Take the next job for which there is a place, and count the try before it is begun.

        Places are counted here: PgQueuer's own limits count the jobs of all workers together.
        """
        self._wakes.looks()
        free = {lane: entrypoints[lane] for lane in self._free()}
        if not free or self._stopping:
            return []
        silence = NEVER if time.monotonic() < self._lenient_until else heartbeat_timeout
        try:
            await self._let_in()
            found = await super().dequeue(batch_size, free, queue_manager_id, global_concurrency_limit, silence)
            jobs = [
                job for job in found if job.id not in self._taken
            ]  # or its heartbeat came too late, and it runs here
            if jobs:
                await self.driver.execute(COUNT_TRY, [job.id for job in jobs])
        except LOST as error:
            self._note_loss(error)
            return []
        self._note_answer(heartbeat_timeout)
        self._taken.update((job.id, job.entrypoint) for job in jobs)
        return [job.model_copy(update={"attempts": job.attempts + 1}) for job in jobs]

    async def eligible_queued_work(self, _entrypoints: list[QueueEntrypoint]) -> int:
        """Hear that the manager is about to wait. It need not look again in a moment, as every change wakes it."""
        self._wakes.waits()
        return 0

    async def next_deferred_eta(self, _entrypoints: list[QueueEntrypoint]) -> timedelta:
        """Return how long to wait for the next job for which there is a place, or for Postgres."""
        free = self._free()
        if self._wait is None and free:
            try:
                due = (await self.driver.fetch(SOONEST, [*free, *(LATER + lane for lane in free)]))[0]["due"]
            except LOST as error:
                self._note_loss(error)
            else:
                if not isinstance(due, timedelta):
                    return self._poll_every
                self._let_in_at = min(self._let_in_at, time.monotonic() + due.total_seconds())
                return min(due, self._poll_every)
        return self._poll_every if self._wait is None else self._wait

    async def _let_in(self) -> None:
        """Let jobs into their lanes whose time has come."""
        if time.monotonic() >= self._let_in_at:
            await self.driver.execute(LET_IN, list(self._places))
            self._let_in_at = time.monotonic() + LOOK_EVERY_S

    async def retry_job(self, job: Job, delay: timedelta, _traceback_record: TracebackRecord | None) -> None:
        """Hand a job back. Where that fails, another worker has it once it is seen that nobody works on it."""
        try:
            await self.driver.execute(HAND_BACK, job.id, job.queue_manager_id, delay)
        except LOST as error:
            log.warning("job_not_handed_back", job_id=job.id, reason=str(error))
        self._ended(job)

    async def log_jobs(self, job_status: list[tuple[Job, JOB_STATUS, TracebackRecord | None]]) -> None:
        """Note the end of jobs, however long Postgres is away."""
        wait = FIRST_WAIT
        while True:
            try:
                await super().log_jobs(job_status)
            except LOST:
                if self._stopping:
                    raise
            else:
                self._ended(*(job for job, _, _ in job_status))
                return
            await asyncio.sleep(wait.total_seconds())
            wait = min(2 * wait, LONGEST_WAIT)

    async def notify_health_check(self, _health_check_event_id: HealthCheckId) -> None:
        """Leave it to the listener to see whether it hears."""
        await asyncio.Event().wait()

    def _note_loss(self, error: Exception) -> None:
        self._wait = FIRST_WAIT if self._wait is None else min(2 * self._wait, LONGEST_WAIT)
        seconds = self._wait.total_seconds()
        log.warning("queue_unreachable", reason=str(error) or type(error).__name__, again_in_seconds=seconds)

    def _note_answer(self, heartbeat_timeout: timedelta) -> None:
        """After a time without Postgres, leave everybody the time to show that they live."""
        if self._wait is not None:
            log.info("queue_reached")
            self._lenient_until = time.monotonic() + heartbeat_timeout.total_seconds()
        self._wait = None
