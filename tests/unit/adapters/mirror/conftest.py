"""Two stores in memory that are kept alike."""

import pytest

from safelight.adapters.mirror.object_store import MirroredStore
from safelight.testing.memory_store import MemoryObjectStore


@pytest.fixture
def first() -> MemoryObjectStore:
    return MemoryObjectStore()


@pytest.fixture
def second() -> MemoryObjectStore:
    return MemoryObjectStore()


@pytest.fixture
def objects(first: MemoryObjectStore, second: MemoryObjectStore) -> MirroredStore:
    return MirroredStore(first, second)
