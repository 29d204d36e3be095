"""A visit to a data folder of the test's own, in which faults are planted."""

import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from safelight.adapters.records.engine import SqliteDatabase
from safelight.adapters.records.store import SqlRecords
from safelight.adapters.system import SystemClock
from safelight.apps.beside import records_for
from safelight.apps.data_folder import migrate_data
from safelight.apps.database import DATABASE_FILE
from safelight.apps.doctor.finding import Visit
from safelight.apps.kinds import load_kinds
from safelight.domain.errors import KindInvalid
from safelight.domain.kind import Kinds
from safelight.ports.clock import Clock
from safelight.settings import Settings

MakeVisit = Callable[..., Visit]


@pytest.fixture(autouse=True)
def only_the_tests_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep the settings of whoever runs the tests out of them."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("SAFELIGHT_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder with an empty, migrated database."""
    migrate_data(tmp_path / "data")
    return tmp_path / "data"


@pytest.fixture
def visit(data: Path) -> MakeVisit:
    """Makes visits, with these settings."""

    def make(*, running: bool = False, clock: Clock | None = None, whole: bool = False, **settings: Any) -> Visit:
        chosen = Settings(**{"data": data, **settings})
        return Visit(chosen, clock or SystemClock(), running, _kinds(chosen), whole=whole)

    return make


@pytest.fixture
async def records(data: Path) -> AsyncIterator[SqlRecords]:
    """The folder's records, to plant faults in."""
    async with records_for(Settings(data=data)) as records:
        yield records


@pytest.fixture
async def database(data: Path) -> AsyncIterator[SqliteDatabase]:
    """The folder's database, open."""
    database = SqliteDatabase(data / DATABASE_FILE)
    yield database
    await database.close()


@pytest.fixture
def connection(database: SqliteDatabase) -> Callable[[], Any]:
    """Begins to read: what was committed before is seen."""
    return database.reading


def _kinds(settings: Settings) -> Kinds | KindInvalid:
    try:
        return load_kinds(settings.kinds)
    except KindInvalid as error:
        return error
