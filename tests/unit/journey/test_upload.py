"""Step 2: the bytes come in, whole or not at all."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from safelight.domain.errors import AlreadyWritten, BodyTooLong, BodyTooShort, UploadTooSlow
from safelight.domain.keys import Key
from safelight.domain.tokens import UploadClaims
from safelight.journey.upload import upload_image
from safelight.ports.object_store import Sink
from safelight.testing.memory_store import MemoryObjectStore

KEY = Key("incoming/20261101/0190aaaabbbbccccddddeeeeffff0123.1")
CLAIMS = UploadClaims(KEY, "image/jpeg", 5, None, datetime(2026, 11, 1, tzinfo=UTC))


async def coming(*chunks: bytes | Exception) -> AsyncIterator[bytes]:
    for chunk in chunks:
        if isinstance(chunk, Exception):
            raise chunk
        yield chunk


class Watched(MemoryObjectStore):
    """Counts the sinks that nobody has ended."""

    def __init__(self) -> None:
        super().__init__()
        self.open_sinks = 0

    async def sink(self, *args: object, **kwargs: object) -> Sink:
        sink = await super().sink(*args, **kwargs)
        self.open_sinks += 1
        end = sink.abort

        async def abort() -> None:
            self.open_sinks -= 1
            await end()

        sink.abort = abort
        return sink


async def test_the_bytes_are_kept_where_the_url_permits():
    store = MemoryObjectStore()

    etag = await upload_image(CLAIMS, coming(b"by", b"tes"), incoming=store)

    stored = await store.head(KEY)
    assert (stored.bytes, stored.etag) == (5, etag)


@pytest.mark.parametrize(
    ("chunks", "error"),
    [
        ((b"byte",), BodyTooShort),
        ((b"bytes", b"!"), BodyTooLong),
        ((b"by", UploadTooSlow()), UploadTooSlow),
        ((b"by", ConnectionResetError()), ConnectionResetError),
    ],
    ids=["short", "long", "slow", "broken off"],
)
async def test_whatever_goes_wrong_the_sink_is_ended_and_nothing_stays(
    chunks: tuple[bytes | Exception, ...], error: type[Exception]
):
    store = Watched()

    with pytest.raises(error):
        await upload_image(CLAIMS, coming(*chunks), incoming=store)

    assert store.open_sinks == 0
    assert [stored async for stored in store.list("")] == []


async def test_a_second_upload_changes_nothing():
    store = MemoryObjectStore()
    etag = await upload_image(CLAIMS, coming(b"bytes"), incoming=store)

    with pytest.raises(AlreadyWritten):
        await upload_image(CLAIMS, coming(b"other"), incoming=store)

    assert (await store.head(KEY)).etag == etag
