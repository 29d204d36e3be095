"""The disk and the memory store keep the contracts of object stores."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from safelight.adapters.disk.object_store import DiskObjectStore
from safelight.testing.contracts.object_store import (
    IncomingStoreContract,
    ObjectStoreContract,
    OutgoingStoreContract,
    ReceivingStoreContract,
)
from safelight.testing.memory_store import MemoryObjectStore


class TestDisk(ObjectStoreContract, ReceivingStoreContract, IncomingStoreContract, OutgoingStoreContract):
    @pytest.fixture
    def objects(self, tmp_path: Path) -> Iterator[DiskObjectStore]:
        with ThreadPoolExecutor(4) as io:
            yield DiskObjectStore(tmp_path, io=io)


class TestMemory(ObjectStoreContract, ReceivingStoreContract, IncomingStoreContract, OutgoingStoreContract):
    @pytest.fixture
    def objects(self) -> MemoryObjectStore:
        return MemoryObjectStore()
