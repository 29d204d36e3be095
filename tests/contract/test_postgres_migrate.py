"""Postgres is migrated while others use it, by however many processes at once."""

import asyncio
import shutil
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest

from safelight.adapters.records import migrate_postgres as migrations
from safelight.adapters.records import revisions
from safelight.adapters.records.migrate_postgres import (
    migrate_postgres,
    pending_postgres_migrations,
    present_postgres_revision,
)
from safelight.adapters.records.revisions import every_revision
from safelight.domain.errors import StorageFailed
from safelight.testing.postgres import Postgres

MIGRATE = """
import asyncio, sys
from safelight.adapters.records.migrate_postgres import migrate_postgres
asyncio.run(migrate_postgres(sys.argv[1]))
"""

CHANGES_A_TABLE = '''
"""A revision that needs a table for a moment."""

import sqlalchemy as sa
from alembic import op

from safelight.adapters.records.migrations.online import create_index

revision = "9999"
down_revision = "{head}"
SUPPORTS = "{head}"


def upgrade() -> None:
    op.add_column("place", sa.Column("once_more", sa.Integer()))
    create_index("ix_place_once_more", "place", ["once_more"])
'''

SHORT = timedelta(milliseconds=50)


@pytest.fixture
def bare_url(postgres: Postgres, tmp_path: Path) -> str:
    return postgres.create_database(f"bare_{tmp_path.name}")


@pytest.fixture
def with_a_further_revision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    further = CHANGES_A_TABLE.format(head=every_revision()[-1])
    shutil.copytree(revisions.MIGRATIONS, tmp_path / "migrations")
    (tmp_path / "migrations/versions/rev_9999_further.py").write_text(further)
    monkeypatch.setattr(revisions, "MIGRATIONS", tmp_path / "migrations")
    monkeypatch.setattr(migrations, "LOCK_WITHIN", SHORT)


async def execute(url: str, *statements: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def test_three_processes_at_once_all_succeed(bare_url: str) -> None:
    running = [
        subprocess.Popen([sys.executable, "-c", MIGRATE, bare_url], stderr=subprocess.PIPE)  # noqa: ASYNC220, S603 - MIGRATE above
        for _ in range(3)
    ]
    errors = [await asyncio.to_thread(process.communicate) for process in running]

    assert [(process.returncode, error) for process, (_, error) in zip(running, errors, strict=True)] == [(0, b"")] * 3
    assert await pending_postgres_migrations(bare_url) == ()


@pytest.mark.usefixtures("with_a_further_revision")
async def test_a_busy_table_is_left_to_those_who_use_it_and_asked_for_again(postgres_url: str) -> None:
    user = await asyncpg.connect(postgres_url)
    using = user.transaction()
    await using.start()
    await user.execute("LOCK TABLE place IN ACCESS SHARE MODE")

    with pytest.raises(StorageFailed, match="too busy"):
        await migrate_postgres(postgres_url, pauses=(SHORT,))
    missing = await pending_postgres_migrations(postgres_url)
    migrating = asyncio.create_task(migrate_postgres(postgres_url, pauses=(SHORT,) * 100))
    await asyncio.sleep(4 * SHORT.total_seconds())
    await using.rollback()
    await user.close()

    assert missing == ("9999",)
    assert await migrating == ("9999",)
    assert await present_postgres_revision(postgres_url) == "9999"


@pytest.mark.usefixtures("with_a_further_revision")
async def test_an_index_that_was_left_half_made_is_made_anew(postgres_url: str) -> None:
    await execute(
        postgres_url,
        "CREATE INDEX ix_place_once_more ON place (changes)",
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'ix_place_once_more'::regclass",
    )

    await migrate_postgres(postgres_url)

    connection = await asyncpg.connect(postgres_url)
    made = await connection.fetchrow(
        "SELECT indisvalid, pg_get_indexdef(indexrelid) FROM pg_index WHERE indexrelid = 'ix_place_once_more'::regclass"
    )
    await connection.close()
    assert made is not None
    assert made[0]
    assert made[1].endswith("(once_more)")


async def test_a_process_goes_on_while_a_later_version_supports_it(postgres_url: str) -> None:
    here = every_revision()[-1]
    later = "UPDATE alembic_version SET version_num = 'beyond'"
    await execute(postgres_url, later, f"UPDATE supported SET oldest = '{here}'")  # noqa: S608 - our own revision

    assert await pending_postgres_migrations(postgres_url) == ()
    await migrate_postgres(postgres_url)

    await execute(postgres_url, "UPDATE supported SET oldest = 'beyond'")
    with pytest.raises(StorageFailed, match="beyond"):
        await pending_postgres_migrations(postgres_url)
