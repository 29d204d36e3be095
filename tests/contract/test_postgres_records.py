"""Postgres keeps the contract of records."""

from collections.abc import AsyncIterator

import pytest

from safelight.adapters.records.outbox import after_commit
from safelight.adapters.records.postgres import open_postgres_records
from safelight.adapters.records.store import SqlRecords
from safelight.testing.contracts.every_records import EveryRecordsContract
from safelight.testing.fakes import RecordingJobs


class TestPostgres(EveryRecordsContract):
    @pytest.fixture
    async def records(self, postgres_url: str, jobs: RecordingJobs) -> AsyncIterator[SqlRecords]:
        async with open_postgres_records(postgres_url, after_commit(jobs)) as records:
            yield records
