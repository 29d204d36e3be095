"""An object store in memory, for tests. It passes the same contracts as the real ones."""

import base64
import hashlib
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import google_crc32c

from safelight.domain import keys
from safelight.domain.errors import (
    AlreadyWritten,
    BodyTooLong,
    BodyTooShort,
    ChecksumDiffers,
    DiskFull,
    ObjectChanged,
    ObjectMissing,
    StorageFailed,
)
from safelight.domain.image import Checksum, ChecksumAlgorithm
from safelight.domain.keys import Key
from safelight.ports.object_store import StoredObject
from safelight.testing.memory_multipart import MemoryMultipart

PIECE_BYTES = 64 * 1024


def _utc_now() -> datetime:
    return datetime.now(UTC)


async def _nothing(_deed: str, _key: Key) -> None:
    """Let the store do what it is asked for."""


class MemoryObjectStore:
    """Objects in a dictionary. Fulfils `ReceivingStore`, `IncomingStore` and `OutgoingStore`.

    `room` is how many bytes are free, None for no end; `broken` makes every call fail, as a store that is down. `now`
    says when an object was written. `multipart` may be set to None, as it is for a folder. `before` is awaited before
    each put, copy and delete, with its name and the key that it changes; what it raises, the call raises.
    """

    def __init__(self, *, room: int | None = None, now: Callable[[], datetime] = _utc_now) -> None:
        self.room = room
        self.broken = False
        self.before: Callable[[str, Key], Awaitable[None]] = _nothing
        self._now = now
        self._objects: dict[Key, tuple[StoredObject, bytes]] = {}
        self.multipart: MemoryMultipart | None = MemoryMultipart(keep=self.keep, see=self._see_health, now=now)

    async def check(self) -> None:
        """See `ObjectStore.check`."""
        self._see_health()

    async def head(self, key: Key) -> StoredObject:
        """See `ObjectStore.head`."""
        return self._found(key)[0]

    async def get(self, key: Key, *, if_match: str) -> AsyncIterator[bytes]:
        """See `ObjectStore.get`."""
        content = self._matching(key, if_match)
        for start in range(0, len(content), PIECE_BYTES):
            yield content[start : start + PIECE_BYTES]

    async def put(self, key: Key, content: bytes, *, content_type: str) -> None:  # noqa: ARG002 - tests look at bytes alone
        """See `ObjectStore.put`."""
        await self.before("put", key)
        self.keep(key, content)

    async def put_pieces(self, key: Key, pieces: AsyncIterable[bytes], *, size: int) -> None:
        """See `ReceivingStore.put_pieces`."""
        await self.before("put", key)
        content = b"".join([piece async for piece in pieces])
        if len(content) != size:
            raise StorageFailed(reason=f"{len(content)} bytes came for {size}")
        self.keep(key, content)

    async def copy(self, source: Key, target: Key, *, if_match: str) -> None:
        """See `ObjectStore.copy`."""
        await self.before("copy", target)
        self.keep(target, self._matching(source, if_match))

    async def delete(self, key: Key) -> None:
        """See `ObjectStore.delete`."""
        await self.before("delete", key)
        self._see_health()
        self._objects.pop(key, None)

    async def list(self, prefix: str) -> AsyncIterator[StoredObject]:
        """See `ObjectStore.list`."""
        self._see_health()
        for stored, _ in list(self._objects.values()):
            if stored.key.startswith(prefix):
                yield stored

    async def free_bytes(self) -> int | None:
        """See `ObjectStore.free_bytes`."""
        self._see_health()
        return self.room

    async def open(self, key: Key, *, ahead: int = 0) -> "OpenBytes":  # noqa: ARG002 - all of it is at hand
        """See `OutgoingStore.open`."""
        return OpenBytes(*self._found(key))

    async def sink(self, key: Key, *, declared_bytes: int, checksum: Checksum | None) -> "MemorySink":
        """See `IncomingStore.sink`."""
        self._see_health()
        if key in self._objects:
            raise AlreadyWritten
        if self.room is not None and declared_bytes > self.room:
            raise DiskFull
        return MemorySink(self, key, declared_bytes, checksum)

    def keep(self, key: Key, content: bytes, *, replace: bool = True) -> str:
        """Let an object be there; return its ETag. Raises AlreadyWritten, StorageFailed."""
        self._see_health()
        if keys.parse(key) is None:
            raise StorageFailed(reason=f"{key!r} is no object key")
        if key in self._objects and not replace:
            raise AlreadyWritten
        etag = hashlib.md5(content, usedforsecurity=False).hexdigest()  # as in a bucket
        self._objects[key] = (StoredObject(key, len(content), etag, self._now()), content)
        return etag

    def _found(self, key: Key) -> tuple[StoredObject, bytes]:
        self._see_health()
        if key not in self._objects:
            raise ObjectMissing(key)
        return self._objects[key]

    def _matching(self, key: Key, etag: str) -> bytes:
        stored, content = self._found(key)
        if stored.etag != etag:
            raise ObjectChanged(key)
        return content

    def _see_health(self) -> None:
        if self.broken:
            raise StorageFailed(reason="the store was told to be broken")


@dataclass(frozen=True, slots=True)
class OpenBytes:
    """Bytes, open for reading. Fulfils `OpenObject`."""

    stored: StoredObject
    content: bytes

    async def read(self, offset: int, count: int) -> bytes:
        """See `OpenObject.read`."""
        return self.content[offset : offset + count]

    async def close(self) -> None:
        """See `OpenObject.close`."""


class MemorySink:
    """Gathers the bytes of one incoming object. Fulfils `Sink`."""

    def __init__(self, store: MemoryObjectStore, key: Key, declared_bytes: int, checksum: Checksum | None) -> None:
        self._store = store
        self._key = key
        self._declared_bytes = declared_bytes
        self._checksum = checksum
        self._content = bytearray()

    async def write(self, chunk: bytes) -> None:
        """See `Sink.write`."""
        if len(self._content) + len(chunk) > self._declared_bytes:
            raise BodyTooLong(self._declared_bytes)
        self._content += chunk

    async def finish(self) -> str:
        """See `Sink.finish`."""
        content = bytes(self._content)
        if len(content) < self._declared_bytes:
            raise BodyTooShort(received=len(content), declared=self._declared_bytes)
        if self._checksum and _digest(self._checksum.algorithm, content) != self._checksum.value:
            raise ChecksumDiffers(self._checksum.algorithm)
        return self._store.keep(self._key, content, replace=False)

    async def abort(self) -> None:
        """See `Sink.abort`."""


def _digest(algorithm: ChecksumAlgorithm, content: bytes) -> str:
    if algorithm is ChecksumAlgorithm.SHA256:
        return base64.b64encode(hashlib.sha256(content).digest()).decode()
    return base64.b64encode(google_crc32c.value(content).to_bytes(4, "big")).decode()
