"""What every object store must do. Subclass a suite and give it the fixture `objects`.

class TestDisk(ObjectStoreContract, IncomingStoreContract):
    @pytest.fixture
    def objects(self, tmp_path: Path) -> DiskObjectStore:
        return DiskObjectStore(tmp_path, ...)
"""

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator
from typing import Protocol

import pytest

from safelight.domain.errors import (
    AlreadyWritten,
    BodyTooLong,
    BodyTooShort,
    ChecksumDiffers,
    ObjectChanged,
    ObjectMissing,
    StorageFailed,
)
from safelight.domain.image import Checksum, ChecksumAlgorithm
from safelight.domain.keys import Key
from safelight.ports.object_store import IncomingStore, ObjectStore, OutgoingStore, ReceivingStore, Sink

IMAGE = "0190aaaabbbbccccddddeeeeffff0123"
OTHER = "0190aaaabbbbccccddddeeeeffff4567"
INCOMING = Key(f"incoming/20261101/{IMAGE}.1")
ORIGINAL = Key(f"private/{IMAGE}/original")
PUBLIC = Key(f"public/{IMAGE}/thumb-0123456789abcdef-96.webp")
LARGE = bytes(range(256)) * 10_000
"""More than two pieces of 1 MiB, and not a whole number of them."""

MAX_PIECE = 1 << 20

CRC32C_OF_DIGITS = Checksum(ChecksumAlgorithm.CRC32C, base64.b64encode(bytes.fromhex("e3069283")).decode())
"""The check value of CRC-32C for "123456789" (RFC 3720, B.4 names the polynomial; the value is the catalogue's)."""

SHA256_OF_DIGITS = Checksum(ChecksumAlgorithm.SHA256, base64.b64encode(hashlib.sha256(b"123456789").digest()).decode())


async def read(objects: ObjectStore, key: Key) -> bytes:
    """Return an object's bytes."""
    stored = await objects.head(key)
    return b"".join([piece async for piece in objects.get(key, if_match=stored.etag)])


async def listed(objects: ObjectStore, prefix: str) -> set[Key]:
    """Return the keys that `list` gives."""
    return {stored.key async for stored in objects.list(prefix)}


async def fill(sink: Sink, *chunks: bytes) -> str:
    """Write and finish."""
    for chunk in chunks:
        await sink.write(chunk)
    return await sink.finish()


class ObjectStoreContract:
    """What `ObjectStore` promises."""

    async def test_what_was_put_can_be_read(self, objects: ObjectStore) -> None:
        """`put`, `head` and `get` agree, in pieces of at most 1 MiB."""
        await objects.put(PUBLIC, LARGE, content_type="image/webp")

        stored = await objects.head(PUBLIC)
        pieces = [piece async for piece in objects.get(PUBLIC, if_match=stored.etag)]

        assert (stored.key, stored.bytes) == (PUBLIC, len(LARGE))
        assert b"".join(pieces) == LARGE
        assert max(map(len, pieces)) <= MAX_PIECE

    async def test_an_empty_store_is_well(self, objects: ObjectStore) -> None:
        """Nothing need be there yet."""
        await objects.check()

    async def test_a_second_put_replaces_and_changes_the_etag(self, objects: ObjectStore) -> None:
        """The last one counts, even where it has the size of the first."""
        await objects.put(PUBLIC, b"first", content_type="image/webp")
        before = await objects.head(PUBLIC)

        await objects.put(PUBLIC, b"other", content_type="image/webp")

        assert await read(objects, PUBLIC) == b"other"
        assert (await objects.head(PUBLIC)).etag != before.etag

    async def test_what_is_not_there_is_missing(self, objects: ObjectStore) -> None:
        """Every reader says so in the same way."""
        with pytest.raises(ObjectMissing):
            await objects.head(ORIGINAL)
        with pytest.raises(ObjectMissing):
            await anext(objects.get(ORIGINAL, if_match="any"))
        with pytest.raises(ObjectMissing):
            await objects.copy(INCOMING, ORIGINAL, if_match="any")

    async def test_another_etag_than_expected_is_a_changed_object(self, objects: ObjectStore) -> None:
        """Neither read nor copied; a target that is there stays."""
        await objects.put(INCOMING, b"new", content_type="image/jpeg")
        await objects.put(ORIGINAL, b"kept", content_type="image/jpeg")

        with pytest.raises(ObjectChanged):
            await anext(objects.get(INCOMING, if_match="other"))
        with pytest.raises(ObjectChanged):
            await objects.copy(INCOMING, ORIGINAL, if_match="other")

        assert await read(objects, ORIGINAL) == b"kept"

    async def test_a_copy_lives_on_its_own(self, objects: ObjectStore) -> None:
        """It may be repeated, and stays when the source is replaced and deleted."""
        await objects.put(INCOMING, LARGE, content_type="image/jpeg")
        etag = (await objects.head(INCOMING)).etag

        await objects.copy(INCOMING, ORIGINAL, if_match=etag)
        await objects.copy(INCOMING, ORIGINAL, if_match=etag)
        await objects.put(INCOMING, b"replaced", content_type="image/jpeg")
        await objects.delete(INCOMING)

        assert await read(objects, ORIGINAL) == LARGE

    async def test_a_source_that_changes_meanwhile_is_copied_as_it_was_or_not_at_all(
        self, objects: ObjectStore
    ) -> None:
        """The target never holds anything else."""
        for _ in range(8):
            await objects.put(INCOMING, LARGE, content_type="image/jpeg")
            await objects.put(ORIGINAL, b"kept", content_type="image/jpeg")
            etag = (await objects.head(INCOMING)).etag

            copied, _replaced = await asyncio.gather(
                objects.copy(INCOMING, ORIGINAL, if_match=etag),
                objects.put(INCOMING, LARGE[::-1], content_type="image/jpeg"),
                return_exceptions=True,
            )

            assert copied is None or isinstance(copied, ObjectChanged)
            assert await read(objects, ORIGINAL) == (LARGE if copied is None else b"kept")

    async def test_a_deleted_object_is_gone_and_may_be_deleted_again(self, objects: ObjectStore) -> None:
        """Its neighbours stay."""
        await objects.put(ORIGINAL, b"bytes", content_type="image/jpeg")
        neighbour = Key(f"private/{IMAGE}/thumb-0123456789abcdef-96.webp")
        await objects.put(neighbour, b"bytes", content_type="image/webp")

        await objects.delete(ORIGINAL)
        await objects.delete(ORIGINAL)

        assert await listed(objects, "private/") == {neighbour}

    @pytest.mark.parametrize(
        ("prefix", "expected"),
        [
            ("", {INCOMING, ORIGINAL, PUBLIC}),
            ("incoming/", {INCOMING}),
            ("incoming/20261101/", {INCOMING}),
            ("incoming/2026", {INCOMING}),
            (f"incoming/20261101/{IMAGE}.", {INCOMING}),
            ("incoming/20261102/", set()),
            (f"private/{IMAGE}/", {ORIGINAL}),
            (f"private/{IMAGE[:6]}", {ORIGINAL}),
            (f"public/{OTHER}/", set()),
            (f"public/{IMAGE}/thumb-", {PUBLIC}),
        ],
    )
    async def test_a_list_has_what_begins_so(self, objects: ObjectStore, prefix: str, expected: set[Key]) -> None:
        """And nothing else."""
        for key in (INCOMING, ORIGINAL, PUBLIC):
            await objects.put(key, b"bytes", content_type="image/webp")

        found = await listed(objects, prefix)

        assert found == expected

    async def test_a_string_that_is_no_key_is_never_written(self, objects: ObjectStore) -> None:
        """No path leads out of the store."""
        for evil in ("../evil", "/etc/evil", f"public/{IMAGE}/../../../evil", f"incoming/20261101/{IMAGE}.1/x", ""):
            with pytest.raises(StorageFailed):
                await objects.put(Key(evil), b"bytes", content_type="image/webp")

    async def test_an_empty_object_is_an_object(self, objects: ObjectStore) -> None:
        """It has no bytes."""
        await objects.put(PUBLIC, b"", content_type="image/webp")

        assert await read(objects, PUBLIC) == b""


async def some(*pieces: bytes) -> AsyncIterator[bytes]:
    """Yield them."""
    for piece in pieces:
        yield piece


class ReceivingStoreContract:
    """What `ReceivingStore` promises besides."""

    @pytest.mark.parametrize("key", [INCOMING, ORIGINAL, PUBLIC])
    async def test_pieces_become_one_object(self, objects: ReceivingStore, key: Key) -> None:
        """Whatever their sizes, in place of any object that is there."""
        await objects.put(key, b"earlier", content_type="image/webp")

        await objects.put_pieces(key, some(LARGE[:10], LARGE[10:1_500_000], LARGE[1_500_000:]), size=len(LARGE))

        assert await read(objects, key) == LARGE

    async def test_no_pieces_are_an_empty_object(self, objects: ReceivingStore) -> None:
        """It is there, and has no bytes."""
        await objects.put_pieces(PUBLIC, some(), size=0)

        assert await read(objects, PUBLIC) == b""

    @pytest.mark.parametrize("size", [5, 7])
    async def test_another_size_than_was_said_leaves_what_was_there(self, objects: ReceivingStore, size: int) -> None:
        """Neither a part of the pieces nor too many of them are an object."""
        await objects.put(PUBLIC, b"earlier", content_type="image/webp")

        with pytest.raises(StorageFailed):
            await objects.put_pieces(PUBLIC, some(b"abc", b"def"), size=size)

        assert await read(objects, PUBLIC) == b"earlier"

    async def test_pieces_that_break_off_leave_what_was_there(self, objects: ReceivingStore) -> None:
        """What broke them off is raised."""

        async def gone() -> AsyncIterator[bytes]:
            yield b"abc"
            raise ObjectMissing(ORIGINAL)

        with pytest.raises(ObjectMissing):
            await objects.put_pieces(PUBLIC, gone(), size=6)

        assert await listed(objects, "") == set()


class IncomingStoreContract:
    """What `IncomingStore` and `Sink` promise, for a store that is an `ObjectStore` as well."""

    async def test_finished_bytes_appear_whole_under_their_key(self, objects: "Both") -> None:
        """Not earlier; with the ETag that `head` gives."""
        sink = await objects.sink(INCOMING, declared_bytes=len(LARGE), checksum=None)
        await sink.write(LARGE[:700_000])
        before = await listed(objects, "")

        etag = await fill(sink, LARGE[700_000:])

        assert before == set()
        assert await read(objects, INCOMING) == LARGE
        assert (await objects.head(INCOMING)).etag == etag

    async def test_an_abort_leaves_nothing_and_after_finish_changes_nothing(self, objects: "Both") -> None:
        """Both may be repeated."""
        given_up = await objects.sink(INCOMING, declared_bytes=3, checksum=None)
        await given_up.write(b"abc")
        await given_up.abort()
        await given_up.abort()
        left = await listed(objects, "")

        finished = await objects.sink(INCOMING, declared_bytes=3, checksum=None)
        await fill(finished, b"abc")
        await finished.abort()

        assert left == set()
        assert await read(objects, INCOMING) == b"abc"

    async def test_one_byte_too_many_is_refused(self, objects: "Both") -> None:
        """And nothing appears."""
        sink = await objects.sink(INCOMING, declared_bytes=3, checksum=None)
        await sink.write(b"abc")

        with pytest.raises(BodyTooLong):
            await sink.write(b"d")
        await sink.abort()

        assert await listed(objects, "") == set()

    async def test_a_byte_too_few_is_refused(self, objects: "Both") -> None:
        """And nothing appears; the error says how many came."""
        sink = await objects.sink(INCOMING, declared_bytes=3, checksum=None)

        with pytest.raises(BodyTooShort) as refused:
            await fill(sink, b"ab")

        assert (refused.value.received, refused.value.declared) == (2, 3)
        assert await listed(objects, "") == set()

    async def test_what_is_written_is_never_written_again(self, objects: "Both") -> None:
        """Neither by a sink opened later nor by one that was open already."""
        slow = await objects.sink(INCOMING, declared_bytes=3, checksum=None)
        await fill(await objects.sink(INCOMING, declared_bytes=3, checksum=None), b"abc")

        with pytest.raises(AlreadyWritten):
            await objects.sink(INCOMING, declared_bytes=3, checksum=None)
        with pytest.raises(AlreadyWritten):
            await fill(slow, b"xyz")

        assert await read(objects, INCOMING) == b"abc"

    async def test_of_many_at_once_exactly_one_wins(self, objects: "Both") -> None:
        """Its bytes are there."""
        sinks = [await objects.sink(INCOMING, declared_bytes=1, checksum=None) for _ in range(20)]

        results = await asyncio.gather(
            *(fill(sink, bytes([number])) for number, sink in enumerate(sinks)), return_exceptions=True
        )

        winners = [number for number, result in enumerate(results) if isinstance(result, str)]
        assert len(winners) == 1
        assert all(isinstance(result, AlreadyWritten) for result in results if not isinstance(result, str))
        assert await read(objects, INCOMING) == bytes(winners)

    @pytest.mark.parametrize("checksum", [CRC32C_OF_DIGITS, SHA256_OF_DIGITS])
    async def test_a_promised_checksum_is_held_against_the_bytes(self, objects: "Both", checksum: Checksum) -> None:
        """Other bytes of the same length leave nothing."""
        wrong = await objects.sink(INCOMING, declared_bytes=9, checksum=checksum)
        with pytest.raises(ChecksumDiffers):
            await fill(wrong, b"1234", b"56780")
        left = await listed(objects, "")

        right = await objects.sink(INCOMING, declared_bytes=9, checksum=checksum)
        await fill(right, b"1234", b"56789")

        assert left == set()
        assert await read(objects, INCOMING) == b"123456789"


class OutgoingStoreContract:
    """What `OutgoingStore` and `OpenObject` promise, for a store that is an `ObjectStore` as well."""

    @pytest.mark.parametrize("ahead", [0, 10, 1 << 20, 1 << 30])
    async def test_any_part_can_be_read(self, objects: "Both", ahead: int) -> None:
        """Whatever was read ahead."""
        await objects.put(PUBLIC, LARGE, content_type="image/webp")

        opened = await objects.open(PUBLIC, ahead=ahead)
        parts = [await opened.read(offset, 100) for offset in (0, 5, 1_048_570, len(LARGE) - 50, len(LARGE))]
        await opened.close()
        await opened.close()

        assert parts == [LARGE[at : at + 100] for at in (0, 5, 1_048_570, len(LARGE) - 50, len(LARGE))]
        assert opened.stored == await objects.head(PUBLIC)

    async def test_an_open_object_outlives_its_deletion(self, objects: "Both") -> None:
        """Whoever reads it reads it to the end."""
        await objects.put(PUBLIC, LARGE, content_type="image/webp")
        opened = await objects.open(PUBLIC)

        await objects.put(PUBLIC, b"replaced", content_type="image/webp")
        await objects.delete(PUBLIC)
        content = await opened.read(0, len(LARGE))
        await opened.close()

        assert content == LARGE

    async def test_what_is_not_there_cannot_be_opened(self, objects: "Both") -> None:
        """It is missing."""
        with pytest.raises(ObjectMissing):
            await objects.open(PUBLIC)


class Both(ObjectStore, IncomingStore, OutgoingStore, Protocol):
    """A store that our own upload service can use."""
