"""Transfer one object from one store to another, and see that it arrived as it was."""

import hashlib
import re
from collections.abc import AsyncIterator
from contextlib import suppress

from safelight.domain.errors import ObjectChanged, StorageFailed
from safelight.domain.keys import Key
from safelight.ports.object_store import ObjectStore, ReceivingStore, StoredObject

TRIES = 3
"""Of an object that is replaced while it is read."""

_MD5 = re.compile(r"[0-9a-f]{32}")
"""What the ETag of an object in a bucket is where it came in one piece, and is not encrypted by a key of one's own."""


async def transfer(key: Key, source: ObjectStore, target: ReceivingStore, *, sha256: str | None) -> None:
    """Copy an object, and compare what arrived. `sha256` is what it must have, where that is known.

    Raises ObjectMissing where the source has it no more, and StorageFailed where it is not as it should be: then the
    target does not have it.
    """
    for _ in range(TRIES):
        with suppress(ObjectChanged):
            return await _transfer(await source.head(key), source, target, sha256)
    raise StorageFailed(f"{key} was replaced {TRIES} times while it was read")


async def differs(key: Key, source: ObjectStore, target: ObjectStore) -> bool:
    """Whether an object that is in both has other bytes in the one than in the other. Reads both."""
    return await _read_sha256(key, source) != await _read_sha256(key, target)


async def _transfer(stored: StoredObject, source: ObjectStore, target: ReceivingStore, sha256: str | None) -> None:
    passing = _Passing(source.get(stored.key, if_match=stored.etag))
    await target.put_pieces(stored.key, passing.pieces(), size=stored.bytes)
    if sha256 is not None and passing.sha256 != sha256:
        await target.delete(stored.key)
        raise StorageFailed(f"{stored.key} is damaged: its bytes are not those that its record knows")
    if not await _arrived(stored, passing, target):
        await target.delete(stored.key)
        raise StorageFailed(f"{stored.key} did not arrive as it was sent")


async def _arrived(stored: StoredObject, passing: "_Passing", target: ObjectStore) -> bool:
    landed = await target.head(stored.key)
    if landed.bytes != stored.bytes:
        return False
    if _MD5.fullmatch(landed.etag) and landed.etag == passing.md5:
        return True
    return await _read_sha256(stored.key, target) == passing.sha256


async def _read_sha256(key: Key, objects: ObjectStore) -> str:
    stored = await objects.head(key)
    passing = _Passing(objects.get(key, if_match=stored.etag))
    async for _ in passing.pieces():
        pass
    return passing.sha256


class _Passing:
    """Bytes that are hashed as they pass."""

    def __init__(self, pieces: AsyncIterator[bytes]) -> None:
        self._pieces = pieces
        self._sha256 = hashlib.sha256()
        self._md5 = hashlib.md5(usedforsecurity=False)

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield them."""
        async for piece in self._pieces:
            self._sha256.update(piece)
            self._md5.update(piece)
            yield piece

    @property
    def sha256(self) -> str:
        """Return the hash of what has passed, in hexadecimal digits."""
        return self._sha256.hexdigest()

    @property
    def md5(self) -> str:
        """Return the hash of what has passed, in hexadecimal digits."""
        return self._md5.hexdigest()
