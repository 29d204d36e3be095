"""The checks of the database file."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from safelight.apps.data_folder import remember_postgres
from safelight.apps.doctor.database import database
from safelight.apps.doctor.finding import Level, Visit

MakeVisit = Callable[..., Visit]


def test_a_whole_database_of_this_version_is_well(visit: MakeVisit) -> None:
    (found,) = database(visit())

    assert found.level is Level.OK


def test_no_database_is_to_be_made(visit: MakeVisit, data: Path) -> None:
    (data / "safelight.db").unlink()

    (found,) = database(visit())

    assert found.level is Level.WARNING
    assert found.cure == f"safelight migrate --data {data}"


def test_a_database_without_the_present_tables_is_to_be_migrated(visit: MakeVisit, data: Path) -> None:
    (data / "safelight.db").unlink()
    (data / "safelight.db").touch()

    (found,) = database(visit())

    assert found.level is Level.WRONG
    assert "0001" in found.seen
    assert f"safelight migrate --data {data}" in found.cure


def test_the_database_of_a_later_version_wants_that_version(visit: MakeVisit, data: Path) -> None:
    with closing(sqlite3.connect(data / "safelight.db")) as opened:
        opened.execute("UPDATE alembic_version SET version_num = '9999'")
        opened.execute("UPDATE supported SET oldest = '9999'")
        opened.commit()

    (found,) = database(visit())

    assert found.level is Level.WRONG
    assert "9999" in found.seen
    assert "later version" in found.cure


def test_a_database_that_was_left_for_postgres_is_not_to_be_served(visit: MakeVisit, data: Path) -> None:
    remember_postgres(data)

    (found,) = database(visit())

    assert found.level is Level.WRONG
    assert "SAFELIGHT_DATABASE_URL" in found.cure


def test_a_database_with_a_damaged_page_is_to_be_restored(visit: MakeVisit, data: Path) -> None:
    with (data / "safelight.db").open("r+b") as file:
        file.seek(8192)
        file.write(b"\xff" * 40_000)

    (found,) = database(visit())

    assert found.level is Level.WRONG
    assert "damaged" in found.seen
    assert "safelight backup --help" in found.cure


def test_a_file_that_is_no_database_is_damaged(visit: MakeVisit, data: Path) -> None:
    (data / "safelight.db").write_bytes(b"garbage " * 1000)

    (found,) = database(visit())

    assert found.level is Level.WRONG
    assert "not a database" in found.seen
