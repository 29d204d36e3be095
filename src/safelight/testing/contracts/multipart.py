"""What every store must do that takes uploads in parts. Subclass it, with the fixtures `objects` and `send`.

class TestS3(MultipartContract):
    @pytest.fixture
    def objects(self) -> S3ObjectStore: ...

    @pytest.fixture
    def send(self) -> SendPart: ...

`send` does what a client does with the URL of a part.
"""
# ruff: noqa: D102 - a test's name is its sentence

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest

from safelight.domain.errors import ObjectChanged, ObjectMissing
from safelight.domain.keys import Key
from safelight.ports.multipart import Multipart, SignedPart
from safelight.ports.object_store import ObjectStore

IMAGE = "0190aaaabbbbccccddddeeeeffff0123"
INCOMING = Key(f"incoming/20261101/{IMAGE}.1")
AGAIN = Key(f"incoming/20261101/{IMAGE}.2")

LEAST = 5 << 20
"""S3 User Guide, "Amazon S3 multipart upload limits": no part but the last has fewer bytes."""

FIRST, OTHER, LAST = b"1" * LEAST, b"2" * LEAST, b"the end"

SendPart = Callable[[str, SignedPart, bytes], Awaitable[None]]
"""Takes the name of the upload, a permission and the bytes."""


def of(objects: ObjectStore) -> Multipart:
    """Return the store's uploads in parts."""
    return cast("Multipart", objects.multipart)


async def sign(objects: ObjectStore, multipart_id: str, number: int, content: bytes, key: Key = INCOMING) -> SignedPart:
    """Return the permission to send a part."""
    now = datetime.now(UTC)
    [signed] = await of(objects).sign_parts(
        key, multipart_id, {number: len(content)}, begins_at=now, expires_at=now + timedelta(minutes=5)
    )
    return signed


class MultipartContract:
    """What `Multipart` promises, for a store that is an `ObjectStore` as well."""

    async def test_parts_become_the_object_in_the_order_of_their_numbers(
        self, objects: ObjectStore, send: SendPart
    ) -> None:
        multipart_id = await begin(objects)
        for number, content in ((2, LAST), (1, FIRST)):
            await send(multipart_id, await sign(objects, multipart_id, number, content), content)
        parts = await of(objects).parts(INCOMING, multipart_id)

        await of(objects).complete(INCOMING, multipart_id, parts)

        assert [(part.number, part.bytes) for part in parts] == [(1, LEAST), (2, len(LAST))]
        stored = await objects.head(INCOMING)
        assert stored.bytes == LEAST + len(LAST)
        assert b"".join([piece async for piece in objects.get(INCOMING, if_match=stored.etag)]) == FIRST + LAST

    async def test_nothing_is_there_before_it_is_complete(self, objects: ObjectStore, send: SendPart) -> None:
        multipart_id = await begin(objects)
        await send(multipart_id, await sign(objects, multipart_id, 1, LAST), LAST)

        with pytest.raises(ObjectMissing):
            await objects.head(INCOMING)
        assert [stored async for stored in objects.list("")] == []

    async def test_a_part_that_is_sent_anew_replaces_the_one_before(self, objects: ObjectStore, send: SendPart) -> None:
        multipart_id = await begin(objects)
        signed = await sign(objects, multipart_id, 1, FIRST)
        await send(multipart_id, signed, FIRST)
        before = await of(objects).parts(INCOMING, multipart_id)

        await send(multipart_id, signed, OTHER)

        after = await of(objects).parts(INCOMING, multipart_id)
        assert len(after) == 1
        assert after != before
        with pytest.raises(ObjectChanged):
            await of(objects).complete(INCOMING, multipart_id, before)
        await of(objects).complete(INCOMING, multipart_id, after)

    async def test_once_complete_no_part_can_be_sent_and_nothing_is_open(
        self, objects: ObjectStore, send: SendPart
    ) -> None:
        multipart_id = await begin(objects)
        signed = await sign(objects, multipart_id, 1, LAST)
        await send(multipart_id, signed, LAST)
        await of(objects).complete(INCOMING, multipart_id, await of(objects).parts(INCOMING, multipart_id))

        with pytest.raises(ObjectMissing):
            await send(multipart_id, signed, b"another")

        assert await opened(objects) == set()
        with pytest.raises(ObjectMissing):
            await of(objects).parts(INCOMING, multipart_id)
        await of(objects).abort(INCOMING, multipart_id)
        assert (await objects.head(INCOMING)).bytes == len(LAST)

    async def test_completing_twice_at_once_makes_one_object(self, objects: ObjectStore, send: SendPart) -> None:
        """The slower one may be told that it is there already."""
        multipart_id = await begin(objects)
        await send(multipart_id, await sign(objects, multipart_id, 1, LAST), LAST)
        parts = await of(objects).parts(INCOMING, multipart_id)

        results = await asyncio.gather(
            *(of(objects).complete(INCOMING, multipart_id, parts) for _ in range(2)), return_exceptions=True
        )

        assert None in results
        assert all(result is None or isinstance(result, ObjectMissing) for result in results)
        assert (await objects.head(INCOMING)).bytes == len(LAST)

    async def test_an_aborted_upload_is_gone_with_its_parts(self, objects: ObjectStore, send: SendPart) -> None:
        multipart_id = await begin(objects)
        signed = await sign(objects, multipart_id, 1, LAST)
        await send(multipart_id, signed, LAST)
        parts = await of(objects).parts(INCOMING, multipart_id)

        await of(objects).abort(INCOMING, multipart_id)
        await of(objects).abort(INCOMING, multipart_id)

        assert await opened(objects) == set()
        with pytest.raises(ObjectMissing):
            await of(objects).parts(INCOMING, multipart_id)
        with pytest.raises(ObjectMissing):
            await of(objects).complete(INCOMING, multipart_id, parts)
        with pytest.raises(ObjectMissing):
            await send(multipart_id, signed, LAST)

    async def test_open_uploads_can_be_found_by_what_their_keys_begin_with(self, objects: ObjectStore) -> None:
        begun = datetime.now(UTC)
        first, second = await begin(objects), await begin(objects)
        third = await begin(objects, AGAIN)

        everything = [upload async for upload in of(objects).uploads("incoming/")]

        assert await opened(objects) == {(INCOMING, first), (INCOMING, second), (AGAIN, third)}
        assert await opened(objects, AGAIN) == {(AGAIN, third)}
        assert await opened(objects, "public/") == set()
        assert all(abs(upload.began_at - begun) < timedelta(minutes=5) for upload in everything)

    async def test_an_upload_is_that_of_its_key_alone(self, objects: ObjectStore) -> None:
        multipart_id = await begin(objects)

        with pytest.raises(ObjectMissing):
            await of(objects).parts(AGAIN, multipart_id)


async def begin(objects: ObjectStore, key: Key = INCOMING) -> str:
    """Begin an upload."""
    return await of(objects).begin(key, content_type="image/tiff")


async def opened(objects: ObjectStore, prefix: str = "") -> set[tuple[Key, str]]:
    """Return the uploads that are open."""
    return {(upload.key, upload.multipart_id) async for upload in of(objects).uploads(prefix)}
