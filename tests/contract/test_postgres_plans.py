# ruff: noqa: S608 - our own words
"""On Postgres, no query looks at more rows as there are more images: its plans are judged on a table with many."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from postgres_plans import EXPLAINS, LOOKS_AT_MOST, TIMES, looks, plans_in
from record_work import WORK
from safelight.adapters.records import snapshot
from safelight.adapters.records.outbox import AfterCommit
from safelight.adapters.records.postgres import postgres_engine
from safelight.adapters.records.tables import image, in_state
from safelight.adapters.records.transaction import SqlTransaction
from safelight.apps.doctor import finding, owners
from safelight.apps.doctor.chance import by_chance
from safelight.apps.doctor.examine import OF_THE_RECORDS, Check
from safelight.apps.doctor.finding import Visit
from safelight.apps.kinds import load_kinds
from safelight.domain.image import State
from safelight.settings import Settings
from safelight.testing.fakes import FrozenClock, RecordingJobs
from safelight.testing.postgres import Postgres
from safelight.testing.samples import new_image

IMAGES = 30_000
SETTLED = "'2026-10-01'::timestamptz"
ID = "lpad(to_hex(n), 32, '0')"
FILL = (
    f"""
    INSERT INTO image (id, kind, state, public, owner, attached_type, attached_id, attached_at, filename, declared_type,
        declared_bytes, upload_attempt, attempt, token_generation, revision, original_kept, created_at, expires_at,
        purged_at, next_attempt_at)
    SELECT {ID}, CASE WHEN n % 3 = 0 THEN 'banner' ELSE 'avatar' END,
        CASE WHEN n % 10 = 0 THEN 'deleted' WHEN n % 1000 = 1 THEN 'uploaded' WHEN n % 1000 = 2 THEN 'processing'
             WHEN n % 1000 = 3 THEN 'requested' ELSE 'ready' END,
        true, 'user-' || n % 5000, 'user', n % 5000, {SETTLED}, 'me.jpg', 'image/jpeg', 4167727, 1, 1, 1, 9, true,
        {SETTLED}, {SETTLED}, CASE WHEN n % 20 = 0 THEN {SETTLED} END,
        CASE WHEN n % 20 = 10 THEN 'infinity'::timestamptz END
    FROM generate_series(100, {IMAGES}) AS n
    """,
    f"""
    INSERT INTO rendition (image_id, variant, width, format, fingerprint, height, bytes)
    SELECT {ID}, variant, 96, 'webp', '0123456789abcdef', 96, 3120
    FROM generate_series(100, {IMAGES}) AS n, unnest(ARRAY['thumb', 'card']) AS variant
    """,
    f"""
    INSERT INTO delivery (id, image_id, event, created_at, attempts, next_attempt_at, settled_at)
    SELECT {ID}, {ID}, 'image.ready', {SETTLED}, 1, CASE WHEN n % 5 = 1 THEN 'infinity' ELSE {SETTLED} END,
        CASE WHEN n % 5 <> 1 THEN {SETTLED} END
    FROM generate_series(100, {IMAGES}) AS n
    """,
    f"""
    INSERT INTO audit_event (at, action, actor, image_id, result, owner)
    SELECT {SETTLED} + n * interval '1 hour', 'image.ready', 'system', {ID}, 'ok', 'user-' || n % 5000
    FROM generate_series(100, {IMAGES}) AS n
    """,
    f"""
    INSERT INTO owner (id, images, bytes, open_uploads, minute, requests)
    SELECT 'user-' || n, 6, 25000000, 0, 0, 0 FROM generate_series(0, {IMAGES}) AS n
    """,
    f"""
    INSERT INTO place (type, id, kind, changes)
    SELECT 'user', 'user-' || n, 'avatar', 1 FROM generate_series(0, {IMAGES}) AS n
    """,
    f"""
    INSERT INTO answer (caller, key, digest, claimed_until, expires_at)
    SELECT 'user:user-' || n, 'key', 'digest', 'infinity', 'infinity' FROM generate_series(0, {IMAGES}) AS n
    """,
    "ANALYZE",
)
"""A database as it is in life: most images are ready, a few under way, and many purges and webhooks wait for later."""


@pytest.fixture(autouse=True)
def _small_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what is bounded by a number be bounded by a smaller one than this database has rows."""
    monkeypatch.setattr(snapshot, "HELD_BACK_AT_MOST", LOOKS_AT_MOST // 2)
    monkeypatch.setattr(finding, "LOOKED_AT", LOOKS_AT_MOST // 10)
    monkeypatch.setattr(owners, "WITHIN_S", 0.0)


@pytest.fixture(scope="module")
def filled(postgres: Postgres) -> str:
    """The URL of a database with many images."""
    return postgres.create_database("filled", template="empty")


@pytest.fixture
async def engine(filled: str) -> AsyncIterator[AsyncEngine]:
    engine = postgres_engine(filled, connections=1)
    try:
        async with engine.begin() as connection:
            is_empty = (await connection.exec_driver_sql("SELECT count(*) FROM image")).scalar_one() == 0
            for statement in FILL if is_empty else ():
                await connection.exec_driver_sql(statement)
        yield engine
    finally:
        await engine.dispose()


async def plans(connection: AsyncConnection, name: str) -> list[dict[str, Any]]:
    """Return how Postgres went about the work of that name."""
    tx = SqlTransaction(connection, AfterCommit(RecordingJobs()))
    await tx.add(new_image())
    return await explained(connection, partial(WORK[name], tx))


async def explained(connection: AsyncConnection, work: Callable[[], Awaitable[object]]) -> list[dict[str, Any]]:
    """Return how Postgres went about each statement of some work."""
    heard: list[str] = []
    raw: Any = (await connection.get_raw_connection()).driver_connection
    for statement in EXPLAINS:
        await connection.exec_driver_sql(statement)
    raw.add_log_listener(lambda _connection, message: heard.append(message.message))
    for _ in range(TIMES):
        undone = await connection.begin_nested()
        await work()
        await undone.rollback()
    await connection.exec_driver_sql("SELECT 1")  # Postgres tells of a statement when the next one begins
    await asyncio.sleep(0)
    return plans_in(heard)


@pytest.mark.parametrize("name", WORK)
async def test_no_work_looks_at_more_rows_as_there_are_more_images(engine: AsyncEngine, name: str) -> None:
    async with engine.connect() as connection:
        found = await plans(connection, name)

    assert found
    seen = [look for plan in found for look in looks(plan["Plan"])]
    assert [look for look in seen if look[1] > LOOKS_AT_MOST] == []


class Reading:
    """A database of one connection."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    def reading(self) -> AbstractAsyncContextManager[AsyncConnection]:
        return nullcontext(self._connection)


async def test_the_doctor_counts_no_more_rows_at_once_as_there_are_more_owners(
    engine: AsyncEngine, tmp_path: Path
) -> None:
    visit = Visit(Settings(data=tmp_path), FrozenClock(), running=True, kinds=load_kinds(None))
    async with engine.connect() as connection:
        database: Any = Reading(connection)
        found = await explained(connection, lambda: owners.owners(visit, database))

    assert found
    assert [look for plan in found for look in looks(plan["Plan"]) if look[1] > LOOKS_AT_MOST] == []


@pytest.mark.parametrize("check", OF_THE_RECORDS)
async def test_the_doctor_looks_at_no_more_rows_as_there_are_more_images(
    engine: AsyncEngine, check: Check, tmp_path: Path
) -> None:
    visit = Visit(Settings(data=tmp_path), FrozenClock(), running=True, kinds=load_kinds(None))
    async with engine.connect() as connection:
        found = await explained(connection, lambda: check(visit, connection))  # type: ignore[arg-type, return-value]

    seen = [look for plan in found for look in looks(plan["Plan"])]
    assert [look for look in seen if look[1] > LOOKS_AT_MOST] == []


async def test_a_sample_of_images_takes_a_look_at_an_index_for_each(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        found = await explained(connection, lambda: by_chance(in_state(State.READY), connection, most=10))
        ids, is_all = await by_chance(in_state(State.READY), connection, most=10)

    assert 1 < len(ids) <= 10
    assert not is_all
    assert [look for plan in found for look in looks(plan["Plan"]) if look[1] > LOOKS_AT_MOST] == []


async def test_work_that_no_index_serves_would_be_seen(engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    async def unserved(tx: SqlTransaction) -> None:
        await tx._run.execute(select(image.c.id).where(image.c.filename == "x"))  # noqa: SLF001 - as the adapter would

    monkeypatch.setitem(WORK, "unserved", unserved)
    async with engine.connect() as connection:
        found = await plans(connection, "unserved")

    assert [look for plan in found for look in looks(plan["Plan"]) if look[1] > LOOKS_AT_MOST]
