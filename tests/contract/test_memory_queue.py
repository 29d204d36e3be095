"""The queue in memory keeps the contract of queues."""

import pytest

from safelight.adapters.queue.memory import MemoryQueue
from safelight.testing.contracts.jobs import JobsContract
from safelight.testing.fakes import FrozenClock


class TestMemoryQueue(JobsContract):
    @pytest.fixture
    def jobs(self, clock: FrozenClock) -> MemoryQueue:
        return MemoryQueue(clock)
