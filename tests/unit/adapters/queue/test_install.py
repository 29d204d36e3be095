"""PgQueuer's tables are made once, renewed where they lack something, and left alone otherwise."""

import asyncio
from collections.abc import Sequence

import asyncpg
import pytest
from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver

from safelight.adapters.queue.install import install_queue
from safelight.adapters.queue.schema import queries_on
from safelight.adapters.records.migrate_postgres import migrate_postgres
from safelight.testing.postgres import Postgres


async def ask(url: str, statement: str) -> Sequence[asyncpg.Record]:
    connection = await asyncpg.connect(url)
    try:
        return list(await connection.fetch(statement))
    finally:
        await connection.close()


async def lacks(url: str) -> tuple[str, ...]:
    """Return what PgQueuer itself would change."""
    connection = await asyncpg.connect(url)
    try:
        return tuple((await queries_on(AsyncpgDriver(connection)).plan_upgrade()).statements)
    finally:
        await connection.close()


async def test_pgqueuer_finds_all_that_it_wants(postgres_url: str) -> None:
    assert await lacks(postgres_url) == ()


async def test_several_processes_may_install_at_once(postgres: Postgres) -> None:
    url = await asyncio.to_thread(postgres.create_database, "installed_at_once")

    await asyncio.gather(*(migrate_postgres(url, install=install_queue) for _ in range(3)))

    assert await lacks(url) == ()


@pytest.mark.parametrize(
    "loss",
    [
        "DROP INDEX safelight_pgqueuer_ep_prio_id_idx",
        "ALTER TABLE safelight_pgqueuer DROP COLUMN slot",
        "ALTER TABLE safelight_pgqueuer_log DROP COLUMN traceback",
        "DROP TABLE safelight_pgqueuer_schedules",
        "DROP TRIGGER safelight_pgqueuer_changed ON safelight_pgqueuer",
    ],
)
async def test_what_an_earlier_version_of_pgqueuer_did_not_have_is_added(postgres_url: str, loss: str) -> None:
    await ask(postgres_url, loss)
    before = await lacks(postgres_url)

    await migrate_postgres(postgres_url, install=install_queue)

    assert before
    assert await lacks(postgres_url) == ()


async def test_a_state_that_a_later_pgqueuer_adds_can_be_used_at_once(postgres: Postgres) -> None:
    """It cannot where a transaction both adds the word and uses it, in an index."""
    url = await asyncio.to_thread(postgres.create_database, "an_earlier_state")
    await ask(
        url,
        "CREATE TYPE safelight_pgqueuer_status AS ENUM ('queued', 'successful', 'exception', 'canceled', 'deleted')",
    )

    await migrate_postgres(url, install=install_queue)

    assert await lacks(url) == ()


async def test_pgqueuers_own_notify_stays_off(postgres_url: str) -> None:
    await ask(postgres_url, "ALTER TABLE safelight_pgqueuer ENABLE TRIGGER safelight_pgqueuer_changed")

    for _ in range(2):
        await migrate_postgres(postgres_url, install=install_queue)

    (trigger,) = await ask(postgres_url, "SELECT tgenabled::text FROM pg_trigger WHERE tgname LIKE 'safelight_%'")
    assert trigger["tgenabled"] == "D"


async def test_its_log_is_not_written_ahead_and_its_queue_is(postgres_url: str) -> None:
    found = await ask(
        postgres_url,
        "SELECT relname, relpersistence::text FROM pg_class WHERE relname LIKE 'safelight_pgqueuer%' AND relkind = 'r'",
    )

    kept = {row["relname"] for row in found if row["relpersistence"] == "p"}
    assert kept == {"safelight_pgqueuer", "safelight_pgqueuer_schedules"}
