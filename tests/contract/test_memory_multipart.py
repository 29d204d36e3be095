"""Uploads in parts in memory keep the contract of those at a real store."""

import pytest

from safelight.ports.multipart import SignedPart
from safelight.testing.contracts.multipart import MultipartContract, SendPart
from safelight.testing.memory_multipart import MemoryMultipart
from safelight.testing.memory_store import MemoryObjectStore


class TestMemory(MultipartContract):
    @pytest.fixture
    def objects(self) -> MemoryObjectStore:
        return MemoryObjectStore()

    @pytest.fixture
    def send(self, objects: MemoryObjectStore) -> SendPart:
        async def send(multipart_id: str, signed: SignedPart, content: bytes) -> None:
            assert isinstance(objects.multipart, MemoryMultipart)
            objects.multipart.send(multipart_id, signed.number, content)

        return send
