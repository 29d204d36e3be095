"""Two stores that are kept alike: each finds what the other has, and writes reach both."""

import pytest

from safelight.adapters.mirror.object_store import MirroredStore
from safelight.domain.errors import ObjectChanged, ObjectMissing, StorageFailed
from safelight.testing.contracts.object_store import (
    INCOMING,
    LARGE,
    ORIGINAL,
    PUBLIC,
    ObjectStoreContract,
    listed,
    read,
)
from safelight.testing.memory_store import MemoryObjectStore


class TestMirror(ObjectStoreContract):
    """Together they are a store like any other."""


async def test_what_only_the_second_has_is_read_from_there(second: MemoryObjectStore, objects: MirroredStore) -> None:
    second.keep(INCOMING, LARGE)

    stored = await objects.head(INCOMING)

    assert stored.bytes == len(LARGE)
    assert await read(objects, INCOMING) == LARGE


async def test_an_etag_of_the_second_is_read_although_the_first_has_it_too(
    first: MemoryObjectStore, second: MemoryObjectStore, objects: MirroredStore
) -> None:
    first.keep(PUBLIC, b"0")
    first.keep(PUBLIC, b"of the first")
    etag = second.keep(PUBLIC, b"of the second")

    pieces = [piece async for piece in objects.get(PUBLIC, if_match=etag)]

    assert b"".join(pieces) == b"of the second"


async def test_an_object_that_changed_in_the_first_is_not_said_to_be_missing(
    first: MemoryObjectStore, objects: MirroredStore
) -> None:
    first.keep(PUBLIC, b"new")

    with pytest.raises(ObjectChanged):
        await anext(objects.get(PUBLIC, if_match="old"))
    with pytest.raises(ObjectChanged):
        await objects.copy(PUBLIC, ORIGINAL, if_match="old")


async def test_what_is_put_or_copied_is_in_both(
    first: MemoryObjectStore, second: MemoryObjectStore, objects: MirroredStore
) -> None:
    etag = second.keep(INCOMING, LARGE)

    await objects.put(PUBLIC, b"rendition", content_type="image/webp")
    await objects.copy(INCOMING, ORIGINAL, if_match=etag)

    for store in (first, second):
        assert await read(store, PUBLIC) == b"rendition"
        assert await read(store, ORIGINAL) == LARGE


async def test_what_is_deleted_is_in_neither(
    first: MemoryObjectStore, second: MemoryObjectStore, objects: MirroredStore
) -> None:
    first.keep(PUBLIC, b"1")
    second.keep(PUBLIC, b"2")
    second.keep(INCOMING, b"3")

    await objects.delete(PUBLIC)
    await objects.delete(INCOMING)

    assert await listed(first, "") == await listed(second, "") == set()
    with pytest.raises(ObjectMissing):
        await objects.head(PUBLIC)


async def test_a_put_that_reached_one_alone_is_no_success(second: MemoryObjectStore, objects: MirroredStore) -> None:
    second.broken = True

    with pytest.raises(StorageFailed):
        await objects.put(PUBLIC, b"rendition", content_type="image/webp")


@pytest.mark.parametrize(("of_first", "of_second", "room"), [(None, None, None), (5, None, 5), (7, 3, 3)])
async def test_there_is_as_much_room_as_in_the_fuller_one(
    of_first: int | None, of_second: int | None, room: int | None
) -> None:
    objects = MirroredStore(MemoryObjectStore(room=of_first), MemoryObjectStore(room=of_second))

    assert await objects.free_bytes() == room
