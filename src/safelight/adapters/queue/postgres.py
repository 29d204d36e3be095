"""The queue of jobs on Postgres: PgQueuer beside the records, for as many workers as wanted.

Jobs come with the transaction that asks for them, and are started by a NOTIFY after it. A worker shows that it lives by
a heartbeat on each job that it has; a job whose heartbeat stops is given to another.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

import asyncpg
import structlog
from pgqueuer.core.qm import QueueManager
from pgqueuer.types import QueueEntrypoint
from sqlalchemy.ext.asyncio import AsyncConnection

from safelight.adapters.queue.bell import Bell, Channel
from safelight.adapters.queue.driver import PoolDriver, TransactionDriver
from safelight.adapters.queue.errors import storage_failures
from safelight.adapters.queue.lanes import COUNTED, LANES, LATER
from safelight.adapters.queue.outages import tell_outages_briefly
from safelight.adapters.queue.outbox import PostgresOutbox
from safelight.adapters.queue.overview import HeldJob, LaneLoad, held_jobs, loads, retry_held
from safelight.adapters.queue.queries import LONGEST_WAIT, WorkerQueries
from safelight.adapters.queue.schema import LOG, QUEUE, SETTINGS, queries_on
from safelight.adapters.queue.wakes import Wakes
from safelight.adapters.queue.work import HandBack, Work, run_manager
from safelight.domain.errors import StorageFailed
from safelight.domain.jobs import Job
from safelight.ports.clock import Clock
from safelight.ports.jobs import AT_ONCE, Handler

log = structlog.get_logger(__name__)

CONNECTIONS = 4
"""Of one process, besides the one that listens: each is needed for a millisecond at a time."""

ANSWER_WITHIN_S = 10.0
"""Time for Postgres to take a connection, or to answer on it."""

HEARTBEAT_TIMEOUT = timedelta(seconds=30)
POLL_EVERY = timedelta(seconds=5)
MAX_TRIES = 5

STOP_WITHIN = timedelta(seconds=5)
"""How long cancelled handlers may take to tidy up, and Postgres to take their jobs back."""

LOG_KEPT = timedelta(minutes=10)
"""How long PgQueuer's own log remembers what happened to a job."""

WAITING = f"""
    SELECT count(*) FROM (SELECT FROM {QUEUE} WHERE status = 'queued' AND entrypoint = ANY($1) LIMIT $2) AS counted
"""  # noqa: S608 - our own name

FORGET_AT_ONCE = 10_000
FORGET = f"""
    DELETE FROM {LOG} WHERE id IN (
        SELECT id FROM {LOG} WHERE created < now() - $1::interval LIMIT {FORGET_AT_ONCE} FOR UPDATE SKIP LOCKED
    )
"""  # noqa: S608 - our own names


class PostgresQueue:
    """ports.jobs.Jobs on Postgres. Made by `open_postgres_queue`; at most one `run` at a time."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        clock: Clock,
        bell: Bell,
        *,
        heartbeat_timeout: timedelta,
        poll_every: timedelta,
        max_tries: int,
    ) -> None:
        self._pool = pool
        self._clock = clock
        self._bell = bell
        self._heartbeat_timeout = heartbeat_timeout
        self._poll_every = poll_every
        self._max_tries = max_tries
        self._wakes = Wakes()
        self._direct = PostgresOutbox(queries_on(PoolDriver(pool, Wakes())), clock, bell)

    def outbox(self, connection: AsyncConnection) -> PostgresOutbox:
        """Return what queues the jobs of the transaction on that connection."""
        return PostgresOutbox(queries_on(TransactionDriver(connection)), self._clock, self._bell)

    async def enqueue(self, job: Job, *, run_at: datetime | None = None, behind: int = 0) -> None:
        """Queue a job, not to run before `run_at`. One that is queued or running already is not queued again."""
        with storage_failures():
            await self._direct.enqueue(job, run_at=run_at, behind=behind)
        self._bell.ring()

    async def run(
        self, handler: Handler, *, recover: Handler | None = None, concurrency: int, grace: timedelta = AT_ONCE
    ) -> None:
        """Run jobs until cancelled, at most so many renderings at once, however often Postgres goes away."""
        while True:
            try:
                with storage_failures():
                    await self._run(Work(handler, recover=recover, max_tries=self._max_tries), concurrency, grace)
            except StorageFailed as away:
                log.warning(
                    "queue_broke_off", again_in_seconds=LONGEST_WAIT.total_seconds(), code=away.code, reason=str(away)
                )
            except Exception:
                log.exception("queue_broke_off", again_in_seconds=LONGEST_WAIT.total_seconds())
            await asyncio.sleep(LONGEST_WAIT.total_seconds())

    async def _run(self, work: Work, concurrency: int, grace: timedelta) -> None:
        wakes = self._wakes = Wakes()  # nobody is left who waits for an earlier run
        places = {QueueEntrypoint(lane.name): lane.concurrency or concurrency for lane in LANES}
        queries = WorkerQueries(PoolDriver(self._pool, wakes), wakes, places, poll_every=self._poll_every)
        manager = QueueManager(queries, channel=SETTINGS.channel)
        for lane in LANES:
            manager.entrypoint(lane.name, on_failure="hold", executor_factory=HandBack)(work.run)
        try:
            await run_manager(
                manager,
                work,
                grace=grace,
                stop_within=STOP_WITHIN,
                dequeue_timeout=self._poll_every,
                heartbeat_timeout=self._heartbeat_timeout,
            )
        finally:
            queries.stop()

    def again(self) -> None:
        """Look at the queue, and let others do so: something may have been missed, or not been told."""
        self._wakes.wake()
        self._bell.ring()

    def hear(self, _payload: str) -> None:
        """Look at the queue: somebody says that jobs came."""
        self._wakes.wake()

    async def depth(self, *, at_most: int | None = None) -> int:
        """Return how many jobs wait, those for later included; where there are more than `at_most`, that."""
        lanes = [prefix + lane.name for lane in COUNTED for prefix in ("", LATER)]
        with storage_failures():
            return int(await self._pool.fetchval(WAITING, lanes, at_most))

    async def loads(self, *, at_most: int) -> Sequence[LaneLoad]:
        """Return how much there is to do in each lane, counting no further than that."""
        return await loads(self._pool, at_most=at_most)

    async def held(self, *, limit: int) -> Sequence[HeldJob]:
        """Return jobs that are held, the oldest first."""
        return await held_jobs(self._pool, limit=limit)

    async def retry(self, numbers: Sequence[int] | None) -> Sequence[int]:
        """Queue held jobs again, all of them where no numbers are given, and return which."""
        return await retry_held(self._pool, numbers)

    async def forget_finished(self) -> None:
        """Drop what PgQueuer's log says of the time before the last minutes."""
        with storage_failures():
            while (await self._pool.execute(FORGET, LOG_KEPT)) == f"DELETE {FORGET_AT_ONCE}":
                pass

    def cut_off(self) -> None:
        """End every connection at once. Postgres is told so, and not asked: it may be silent."""
        self._pool.terminate()


@asynccontextmanager
async def open_postgres_queue(
    url: str,
    clock: Clock,
    *,
    listener: Channel,
    heartbeat_timeout: timedelta = HEARTBEAT_TIMEOUT,
    poll_every: timedelta = POLL_EVERY,
    max_tries: int = MAX_TRIES,
) -> AsyncIterator[PostgresQueue]:
    """Return a block with the queue in the database at `url`, whose tables `install_queue` has made.

    A job is given to another worker when its own has shown no life for `heartbeat_timeout`, and one has looked, which
    each does every `poll_every`. One that has ended `max_tries` workers is held, where nothing else stops it.
    Connects when it is needed.
    """
    tell_outages_briefly()
    pool = await asyncpg.create_pool(
        url,
        min_size=0,
        max_size=CONNECTIONS,
        timeout=ANSWER_WITHIN_S,
        command_timeout=ANSWER_WITHIN_S,
        reset=_nothing,
    )
    bell = Bell(listener)
    queue = PostgresQueue(
        pool, clock, bell, heartbeat_timeout=heartbeat_timeout, poll_every=poll_every, max_tries=max_tries
    )
    await listener.listen(SETTINGS.channel, queue.hear, again=queue.again)
    ringing = asyncio.create_task(bell.keep())
    try:
        yield queue
    finally:
        ringing.cancel()
        await asyncio.wait([ringing])
        await bell.flush()
        queue.cut_off()


async def _nothing(_connection: asyncpg.Connection) -> None:
    """Leave a connection as it is: single statements leave nothing behind, and putting it right is a round trip."""
