"""SQLite keeps the contract of records."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from safelight.adapters.records.migrate import migrate
from safelight.adapters.records.store import SqlRecords, open_records
from safelight.testing.contracts.every_records import EveryRecordsContract
from safelight.testing.fakes import RecordingJobs


class TestSqlite(EveryRecordsContract):
    @pytest.fixture
    async def records(self, tmp_path: Path, jobs: RecordingJobs) -> AsyncIterator[SqlRecords]:
        migrate(tmp_path / "records.db")
        async with open_records(tmp_path / "records.db", jobs) as records:
            yield records
