"""Queues jobs on Postgres: at once, or with somebody else's transaction."""

from datetime import datetime

from pgqueuer.adapters.persistence.queries import Queries

from safelight.adapters.queue.bell import Bell
from safelight.adapters.queue.lanes import HELD, name_of
from safelight.adapters.queue.put import enqueue
from safelight.adapters.queue.schema import QUEUE
from safelight.domain.jobs import Job
from safelight.ports.clock import Clock

IS_HELD = f"SELECT 1 FROM {QUEUE} WHERE status = 'failed' AND payload = $1 LIMIT 1"  # noqa: S608 - our own name


class PostgresOutbox:
    """Queues jobs: those of one transaction within it, so that they are there if it commits."""

    def __init__(self, queries: Queries, clock: Clock, bell: Bell) -> None:
        self._queries = queries
        self._clock = clock
        self._bell = bell
        self._came = False

    async def enqueue(self, job: Job, *, run_at: datetime | None, behind: int) -> None:
        """Queue a job, unless it is queued, running or held already."""
        if not isinstance(job, HELD) or not await self._queries.driver.fetch(IS_HELD, name_of(job).encode()):
            await enqueue(self._queries, job, run_at=run_at, behind=behind, now=self._clock.now(), apart=True)
            self._came = True

    async def committed(self) -> None:
        """Tell the workers."""
        if self._came:
            self._bell.ring()
