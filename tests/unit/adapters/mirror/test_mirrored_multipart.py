"""Uploads in parts at two stores: begun at the first, and ended wherever they were begun."""

import pytest

from safelight.adapters.mirror.object_store import MirroredStore
from safelight.domain.errors import ObjectMissing, StorageFailed
from safelight.ports.multipart import SignedPart
from safelight.testing.contracts.multipart import (
    INCOMING,
    LAST,
    MultipartContract,
    SendPart,
    begin,
    of,
    opened,
    sign,
)
from safelight.testing.memory_multipart import MemoryMultipart
from safelight.testing.memory_store import MemoryObjectStore


def in_parts(store: MemoryObjectStore) -> MemoryMultipart:
    assert store.multipart is not None
    return store.multipart


class TestMirror(MultipartContract):
    """Together they are a store like any other."""

    @pytest.fixture
    def send(self, first: MemoryObjectStore) -> SendPart:
        async def send(multipart_id: str, signed: SignedPart, content: bytes) -> None:
            in_parts(first).send(multipart_id, signed.number, content)

        return send


async def test_what_was_begun_at_the_second_is_ended_there(
    first: MemoryObjectStore, second: MemoryObjectStore, objects: MirroredStore
) -> None:
    multipart_id = await begin(second)

    signed = await sign(objects, multipart_id, 1, LAST)
    in_parts(second).send(multipart_id, 1, LAST)
    parts = await of(objects).parts(INCOMING, multipart_id)
    await of(objects).complete(INCOMING, multipart_id, parts)

    assert multipart_id in signed.url
    assert (await objects.head(INCOMING)).bytes == len(LAST)
    with pytest.raises(ObjectMissing):
        await first.head(INCOMING)


async def test_open_uploads_of_both_are_found_and_given_up(
    first: MemoryObjectStore, second: MemoryObjectStore, objects: MirroredStore
) -> None:
    begun = {(INCOMING, await begin(store)) for store in (first, second)}

    found = await opened(objects)
    for key, multipart_id in found:
        await of(objects).abort(key, multipart_id)

    assert found == begun
    assert await opened(objects) == set()


async def test_beside_a_folder_what_was_begun_is_ended_and_nothing_begun(second: MemoryObjectStore) -> None:
    folder = MemoryObjectStore()
    folder.multipart = None
    objects = MirroredStore(folder, second)
    multipart_id = await begin(second)

    assert not of(objects).begins
    with pytest.raises(StorageFailed):
        await begin(objects)
    assert await of(objects).parts(INCOMING, multipart_id) == []


def test_two_folders_take_no_parts(first: MemoryObjectStore, second: MemoryObjectStore) -> None:
    first.multipart = second.multipart = None

    assert MirroredStore(first, second).multipart is None
