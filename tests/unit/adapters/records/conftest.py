from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from safelight.adapters.records.migrate import migrate
from safelight.adapters.records.store import SqlRecords, open_records
from safelight.testing.fakes import RecordingJobs


@pytest.fixture
def jobs() -> RecordingJobs:
    return RecordingJobs()


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "records.db"
    migrate(path)
    return path


@pytest.fixture
async def records(database: Path, jobs: RecordingJobs) -> AsyncIterator[SqlRecords]:
    async with open_records(database, jobs) as records:
        yield records
