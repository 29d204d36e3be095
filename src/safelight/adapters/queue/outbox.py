"""Queues jobs on Postgres: at once, or with somebody else's transaction."""

from datetime import datetime

from pgqueuer.adapters.persistence.queries import Queries

from safelight.adapters.queue.lanes import COUNTED, PLACES, dedupe_key, delay, name_of
from safelight.adapters.queue.schema import QUEUE
from safelight.domain.jobs import Job
from safelight.ports.clock import Clock

IS_HELD = f"SELECT 1 FROM {QUEUE} WHERE status = 'failed' AND payload = $1 LIMIT 1"  # noqa: S608 - our own name


class PostgresOutbox:
    """Queues the jobs of one transaction, within it: they are there if it commits."""

    def __init__(self, queries: Queries, clock: Clock) -> None:
        self._queries = queries
        self._clock = clock

    async def enqueue(self, job: Job, *, run_at: datetime | None) -> None:
        """Queue a job, unless it is queued, running or held already."""
        await put(self._queries, job, run_at=run_at, clock=self._clock)

    async def committed(self) -> None:
        """Do nothing: Postgres itself tells the workers."""


async def put(queries: Queries, job: Job, *, run_at: datetime | None, clock: Clock) -> None:
    """Queue a job, unless it is queued, running or held already."""
    lane, priority = PLACES[type(job)]
    name = name_of(job).encode()
    if not isinstance(job, COUNTED) and await queries.driver.fetch(IS_HELD, name):
        return
    await queries.enqueue(
        lane.name,
        name,
        priority,
        execute_after=delay(run_at, now=clock.now()),
        dedupe_key=dedupe_key(job, run_at),
        on_conflict="skip",  # a conflict that is raised would spoil the transaction
    )
