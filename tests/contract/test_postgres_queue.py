"""The queue on Postgres keeps the contract of queues."""

from collections.abc import AsyncIterator

import pytest

from safelight.adapters.listener import open_postgres_listener
from safelight.adapters.queue.postgres import PostgresQueue, open_postgres_queue
from safelight.testing.contracts.jobs import JobsContract
from safelight.testing.fakes import FrozenClock


class TestPostgresQueue(JobsContract):
    @pytest.fixture
    async def jobs(self, postgres_url: str, clock: FrozenClock) -> AsyncIterator[PostgresQueue]:
        async with (
            open_postgres_listener(postgres_url) as listener,
            open_postgres_queue(postgres_url, clock, listener=listener) as queue,
        ):
            yield queue
