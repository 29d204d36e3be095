"""The signals of one process keep the contract of signals."""

import pytest

from safelight.adapters.signals.local import LocalSignals
from safelight.testing.contracts.signals import SignalsContract


class TestLocalSignals(SignalsContract):
    @pytest.fixture
    def signals(self) -> LocalSignals:
        return LocalSignals()
