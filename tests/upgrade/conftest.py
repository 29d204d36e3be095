from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from left_behind import DUMPS, named, restore_postgres, restore_sqlite
from safelight.adapters.records.migrate import migrate
from safelight.adapters.records.migrate_postgres import migrate_postgres
from safelight.adapters.records.outbox import after_commit
from safelight.adapters.records.postgres import open_postgres_records
from safelight.adapters.records.store import SqlRecords, open_records
from safelight.testing.fakes import RecordingJobs
from safelight.testing.postgres import Postgres


@pytest.fixture(params=DUMPS, ids=named)
def left_behind(request: pytest.FixtureRequest) -> Path:
    """A dump of the records as an earlier revision left them."""
    dump: Path = request.param
    return dump


@pytest.fixture
async def records(left_behind: Path, tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[SqlRecords]:
    """Those records, migrated."""
    jobs = RecordingJobs()
    if left_behind.parent.name == "sqlite":
        path = tmp_path / "records.db"
        restore_sqlite(left_behind, path)
        migrate(path)
        async with open_records(path, jobs) as records:
            yield records
        return
    server: Postgres = request.getfixturevalue("postgres")
    url = server.create_database(f"left_behind_{tmp_path.name}")
    await restore_postgres(left_behind, url)
    await migrate_postgres(url)
    async with open_postgres_records(url, after_commit(jobs)) as records:
        yield records
