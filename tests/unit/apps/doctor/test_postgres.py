"""What the doctor sees of a Postgres that several hosts share."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest
from pydantic import SecretStr

from safelight.adapters.records.carry import Progress, carry_records
from safelight.adapters.records.store import SqlRecords
from safelight.apps.doctor import postgres as checks
from safelight.apps.doctor.examine import examine
from safelight.apps.doctor.finding import Finding, Level, Visit
from safelight.settings import Settings
from safelight.testing.fakes import FrozenClock
from safelight.testing.postgres import Postgres
from safelight.testing.samples import new_image

MakeVisit = Callable[..., Visit]


@pytest.fixture
def on_postgres(visit: MakeVisit, postgres_url: str) -> MakeVisit:
    """Makes visits of an installation on Postgres."""
    return lambda **settings: visit(database_url=SecretStr(postgres_url), **settings)


async def found_by(check: Any, visit: Visit) -> Finding:
    async with checks.opened(visit) as database, database.reading() as connection:
        (found,) = await check(visit, connection)
    return found


async def test_a_database_that_is_migrated_is_fine(on_postgres: MakeVisit) -> None:
    (found,) = await checks.database(on_postgres())

    assert found.level is Level.OK
    assert found.seen.startswith("Postgres ")


async def test_a_later_version_is_named_where_this_one_works_on_its_tables(
    on_postgres: MakeVisit, postgres_url: str
) -> None:
    connection = await asyncpg.connect(postgres_url)
    await connection.execute("UPDATE alembic_version SET version_num = '9999'")
    await connection.close()

    (found,) = await checks.database(on_postgres())

    assert found.level is Level.OK
    assert "a later version (9999)" in found.seen


async def test_an_empty_database_wants_to_be_migrated(visit: MakeVisit, postgres: Postgres, tmp_path: Path) -> None:
    url = postgres.create_database(f"bare_{tmp_path.name}")

    (found,) = await checks.database(visit(database_url=SecretStr(url)))

    assert (found.level, found.cure) == (Level.WRONG, "First run, once: safelight migrate")


async def test_one_that_cannot_be_reached_is_named_without_its_password(visit: MakeVisit) -> None:
    (found,) = await checks.database(visit(database_url=SecretStr("postgresql://u:hidden@127.0.0.1:1/db")))

    assert found.level is Level.WRONG
    assert "cannot be reached" in found.seen
    assert "hidden" not in found.seen + found.cure


async def test_a_database_that_is_not_there_has_another_cure_than_a_postgres_that_does_not_run(
    visit: MakeVisit, postgres_url: str
) -> None:
    nowhere = urlsplit(postgres_url)._replace(path="/not_there").geturl()

    (found,) = await checks.database(visit(database_url=SecretStr(nowhere)))

    assert found.level is Level.WRONG
    assert "createdb NAME" in found.cure


async def test_a_clock_that_differs_from_the_databases_is_wrong(on_postgres: MakeVisit) -> None:
    found = await found_by(checks.clock, on_postgres(clock=FrozenClock()))

    assert found.level is Level.WRONG
    assert await found_by(checks.clock, on_postgres()) == Finding(
        "clock", Level.OK, "this machine's clock and the database's agree"
    )


async def test_connections_that_are_nearly_all_taken_are_told(
    on_postgres: MakeVisit, monkeypatch: pytest.MonkeyPatch
) -> None:
    well = await found_by(checks.connections, on_postgres())
    monkeypatch.setattr(checks, "NEARLY_ALL", 0.0)
    taken = await found_by(checks.connections, on_postgres())

    assert (well.level, taken.level) == (Level.OK, Level.WARNING)
    assert "SAFELIGHT_DATABASE_CONNECTIONS" in taken.cure


async def test_the_records_are_examined_there(on_postgres: MakeVisit, postgres_url: str, data: Path) -> None:
    connection = await asyncpg.connect(postgres_url)
    await connection.execute(
        "INSERT INTO owner (id, images, bytes, open_uploads, minute, requests) VALUES ('anna', 1, 1, 0, 0, 0)"
    )
    await connection.close()

    settings: Settings = on_postgres().settings
    found = [one async for one in examine(settings, clock=FrozenClock(FrozenClock().now() + timedelta(days=1)))]

    assert [one.level for one in found if one.name == "owners"] == [Level.WRONG]
    assert all(str(data) not in one.cure for one in found if one.name in {"owners", "API keys"})
    assert not [one for one in found if "cannot be examined" in one.seen]


async def test_records_that_stayed_in_the_folder_are_told_as_long_as_there_are_none_here(
    on_postgres: MakeVisit, postgres_url: str, records: SqlRecords, data: Path
) -> None:
    visit = on_postgres()
    async with checks.opened(visit) as database, database.reading() as connection:
        before = await checks.left_behind(visit, connection)
    async with records.transaction() as tx:
        await tx.add(new_image())

    left = await found_by(checks.left_behind, visit)
    await carry_records(data / "safelight.db", postgres_url, progress=Progress(lambda _: None, lambda *_: None))

    assert before == []
    assert left.level is Level.WRONG
    assert f"safelight records migrate --from {data}" in left.cure
    async with checks.opened(visit) as database, database.reading() as connection:
        assert await checks.left_behind(visit, connection) == []
