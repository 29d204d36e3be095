"""SQLite keeps the contract of records."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from safelight.adapters.records.migrate import migrate
from safelight.adapters.records.store import SqlRecords, open_records
from safelight.testing.contracts.records import RecordsContract
from safelight.testing.contracts.records_answers import RecordsAnswersContract
from safelight.testing.contracts.records_audit import RecordsAuditContract
from safelight.testing.contracts.records_blocks import RecordsBlocksContract
from safelight.testing.contracts.records_notes import RecordsNotesContract
from safelight.testing.contracts.records_owners import RecordsOwnersContract
from safelight.testing.contracts.records_places import RecordsPlacesContract
from safelight.testing.contracts.records_reading import RecordsReadingContract
from safelight.testing.contracts.records_sides import RecordsSidesContract
from safelight.testing.fakes import RecordingJobs


class TestSqlite(
    RecordsContract,
    RecordsNotesContract,
    RecordsOwnersContract,
    RecordsBlocksContract,
    RecordsPlacesContract,
    RecordsReadingContract,
    RecordsAnswersContract,
    RecordsAuditContract,
    RecordsSidesContract,
):
    @pytest.fixture
    async def records(self, tmp_path: Path, jobs: RecordingJobs) -> AsyncIterator[SqlRecords]:
        migrate(tmp_path / "records.db")
        async with open_records(tmp_path / "records.db", jobs) as records:
            yield records
