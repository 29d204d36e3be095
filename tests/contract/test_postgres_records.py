"""Postgres keeps the contract of records."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from itertools import count

import pytest

from safelight.adapters.records.postgres import migrate_postgres, open_postgres_records
from safelight.adapters.records.store import SqlRecords
from safelight.testing.contracts.every_records import EveryRecordsContract
from safelight.testing.fakes import RecordingJobs
from safelight.testing.postgres import PostgresServer

EMPTY = "empty"
NUMBERS = count(1)


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    """A real Postgres, with a migrated database to be copied."""
    with PostgresServer() as server:
        asyncio.run(migrate_postgres(server.create_database(EMPTY)))
        yield server


class TestPostgres(EveryRecordsContract):
    @pytest.fixture
    async def records(self, postgres: PostgresServer, jobs: RecordingJobs) -> AsyncIterator[SqlRecords]:
        url = postgres.create_database(f"test{next(NUMBERS)}", template=EMPTY)
        async with open_postgres_records(url, jobs) as records:
            yield records
