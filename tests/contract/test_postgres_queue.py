"""The queue on Postgres keeps the contract of queues."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from itertools import count

import pytest

from safelight.adapters.listener import open_postgres_listener
from safelight.adapters.queue.postgres import PostgresQueue, open_postgres_queue
from safelight.adapters.queue.schema import install_queue
from safelight.testing.contracts.jobs import JobsContract
from safelight.testing.fakes import FrozenClock
from safelight.testing.postgres import PostgresServer

EMPTY = "empty"
NUMBERS = count(1)


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    """A real Postgres, with a database to be copied that has PgQueuer's tables."""
    with PostgresServer() as server:
        asyncio.run(install_queue(server.create_database(EMPTY)))
        yield server


class TestPostgresQueue(JobsContract):
    @pytest.fixture
    async def jobs(self, postgres: PostgresServer, clock: FrozenClock) -> AsyncIterator[PostgresQueue]:
        url = postgres.create_database(f"test{next(NUMBERS)}", template=EMPTY)
        async with open_postgres_listener(url) as listener, open_postgres_queue(url, clock, listener=listener) as queue:
            yield queue
