"""The signals on Postgres keep the contract of signals."""

from collections.abc import AsyncIterator

import pytest

from safelight.adapters.listener import open_postgres_listener
from safelight.adapters.signals.postgres import PostgresSignals, open_postgres_signals
from safelight.testing.contracts.signals import SignalsContract


class TestPostgresSignals(SignalsContract):
    @pytest.fixture
    async def signals(self, postgres_url: str) -> AsyncIterator[PostgresSignals]:
        async with open_postgres_listener(postgres_url) as listener, open_postgres_signals(listener) as signals:
            yield signals
