# ruff: noqa: S608 - our own words
"""On Postgres, nothing that the queue is asked looks at more jobs as more of them wait, for a worker or their time."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from datetime import timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from pgqueuer.ports.repository import EntrypointExecutionParameter
from pgqueuer.types import QueueEntrypoint

from postgres_plans import EXPLAINS, LOOKS_AT_MOST, TIMES, looks, plans_in
from safelight.adapters.queue.bell import Bell
from safelight.adapters.queue.driver import PoolDriver, Wakes
from safelight.adapters.queue.lanes import LANES, LATER, RENDERING, WEBHOOKS
from safelight.adapters.queue.postgres import HEARTBEAT_TIMEOUT, MAX_TRIES, PostgresQueue
from safelight.adapters.queue.queries import WorkerQueries
from safelight.adapters.queue.schema import LOG, QUEUE
from safelight.domain.image import ImageId
from safelight.domain.jobs import DeliveryId, ProcessImage, PurgeImage, SendWebhook
from safelight.testing.fakes import NOW, FrozenClock
from safelight.testing.postgres import Postgres

JOBS = 20_000
"""Of each sort: those that wait for a worker, and those that wait for their time."""

COUNTED = 500
LANE_NAMES = [QueueEntrypoint(lane.name) for lane in LANES]
FILL = (
    f"""
    INSERT INTO {QUEUE} (entrypoint, payload, priority, status, execute_after, dedupe_key, created, updated, heartbeat)
    SELECT '{RENDERING.name}', convert_to('ProcessImage ' || n, 'UTF8'), n % 10, 'queued',
        now() - n * interval '1 second', 'ProcessImage ' || n, now(), now(), now()
    FROM generate_series(1, {JOBS}) AS n
    """,
    f"""
    INSERT INTO {QUEUE} (entrypoint, payload, priority, status, execute_after, dedupe_key, created, updated, heartbeat)
    SELECT '{LATER}{WEBHOOKS.name}', convert_to('SendWebhook ' || n, 'UTF8'), 0, 'queued',
        now() + n * interval '1 hour', 'SendWebhook ' || n, now(), now(), now()
    FROM generate_series(1, {JOBS}) AS n
    """,
    f"""
    INSERT INTO {LOG} (job_id, status, entrypoint, priority)
    SELECT n, 'queued', '{RENDERING.name}', 0 FROM generate_series(1, {JOBS}) AS n
    """,
    "ANALYZE",
)


class OnePlace:
    """A pool of one connection, which stays as it is."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def acquire(self) -> AbstractAsyncContextManager[asyncpg.Connection]:
        return nullcontext(self._connection)

    def get_max_size(self) -> int:
        return 1


class NoChannel:
    """Nobody listens."""

    async def listen(self, *_: object, **__: object) -> None:
        raise NotImplementedError

    async def notify(self, _channel: str, _payload: str) -> bool:
        return True


class Asked:
    """A queue and one worker's queries, on one connection."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        pool: Any = OnePlace(connection)
        wakes, every = Wakes(), timedelta(seconds=5)
        self.queue = PostgresQueue(
            pool,
            FrozenClock(),
            Bell(NoChannel()),
            heartbeat_timeout=HEARTBEAT_TIMEOUT,
            poll_every=every,
            max_tries=MAX_TRIES,
        )
        self.worker = WorkerQueries(PoolDriver(pool, wakes), wakes, dict.fromkeys(LANE_NAMES, 10**6), poll_every=every)

    async def work(self) -> None:
        """Take the next job, and put it away."""
        lanes = {lane: EntrypointExecutionParameter(0) for lane in LANE_NAMES}
        jobs = await self.worker.dequeue(1, lanes, uuid4(), None, HEARTBEAT_TIMEOUT)
        assert len(jobs) == 1
        await self.worker.update_heartbeat([job.id for job in jobs])
        await self.worker.log_jobs([(job, "successful", None) for job in jobs])


ASKED: dict[str, Callable[[Asked], Awaitable[object]]] = {
    "enqueue": lambda asked: asked.queue.enqueue(ProcessImage(ImageId("f" * 32))),
    "enqueue a purge": lambda asked: asked.queue.enqueue(PurgeImage(ImageId("f" * 32))),
    "enqueue for later": lambda asked: asked.queue.enqueue(
        SendWebhook(DeliveryId("f" * 32)), run_at=NOW + timedelta(hours=1)
    ),
    "depth": lambda asked: asked.queue.depth(at_most=COUNTED),
    "loads": lambda asked: asked.queue.loads(at_most=COUNTED),
    "held": lambda asked: asked.queue.held(limit=10),
    "retry": lambda asked: asked.queue.retry(None),
    "forget_finished": lambda asked: asked.queue.forget_finished(),
    "work": lambda asked: asked.work(),
    "wait": lambda asked: asked.worker.next_deferred_eta(LANE_NAMES),
}


@pytest.fixture(scope="module")
def filled(postgres: Postgres) -> str:
    """The URL of a database with many jobs."""
    return postgres.create_database("filled_queue", template="empty")


@pytest.fixture
async def connection(filled: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(filled)
    try:
        is_empty = await connection.fetchval(f"SELECT NOT EXISTS (SELECT FROM {QUEUE})")
        for statement in FILL if is_empty else ():
            await connection.execute(statement)
        yield connection
    finally:
        await connection.close()


@pytest.mark.parametrize("name", ASKED)
async def test_nothing_that_is_asked_looks_at_more_jobs_as_more_wait(connection: asyncpg.Connection, name: str) -> None:
    heard: list[str] = []
    asked = Asked(connection)
    for statement in EXPLAINS:
        await connection.execute(statement)
    connection.add_log_listener(lambda _connection, message: heard.append(message.message))

    for _ in range(TIMES):
        await ASKED[name](asked)
    await connection.execute("SELECT 1")
    await asyncio.sleep(0)

    seen = [look for plan in plans_in(heard) for look in looks(plan["Plan"])]
    assert seen
    assert [look for look in seen if look[1] > LOOKS_AT_MOST] == []


def test_nothing_that_the_queue_offers_is_left_out() -> None:
    offered = {name for name, _ in inspect.getmembers(PostgresQueue, inspect.iscoroutinefunction) if name[0] != "_"}

    assert offered - set(ASKED) == {"run"}
