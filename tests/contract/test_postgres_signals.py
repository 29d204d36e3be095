"""The signals on Postgres keep the contract of signals."""

from collections.abc import AsyncIterator, Iterator

import pytest

from safelight.adapters.listener import open_postgres_listener
from safelight.adapters.signals.postgres import PostgresSignals, open_postgres_signals
from safelight.testing.contracts.signals import SignalsContract
from safelight.testing.postgres import PostgresServer


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A real Postgres, with an empty database: signals need no tables."""
    with PostgresServer() as server:
        yield server.create_database("signals")


class TestPostgresSignals(SignalsContract):
    @pytest.fixture
    async def signals(self, url: str) -> AsyncIterator[PostgresSignals]:
        async with open_postgres_listener(url) as listener, open_postgres_signals(listener) as signals:
            yield signals
