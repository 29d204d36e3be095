"""Reads from two stores as if they were one, and writes to both."""

from collections.abc import AsyncIterator

from safelight.adapters.mirror.multipart import MirroredMultipart
from safelight.domain.errors import ObjectChanged, ObjectMissing
from safelight.domain.keys import Key
from safelight.ports.multipart import Multipart
from safelight.ports.object_store import ReceivingStore, StoredObject


class MirroredStore:
    """Reads from the first store, and from the second what is not there; writes and deletes in both.

    So a process that has the two the other way round works beside it: each finds, and may show to its clients, what
    the other wrote. What clients themselves write lies in one of them alone. Fulfils `ObjectStore`.
    """

    def __init__(self, first: ReceivingStore, second: ReceivingStore) -> None:
        self._first = first
        self._second = second
        in_parts = (first.multipart, second.multipart)
        self._multipart = MirroredMultipart(*in_parts) if any(in_parts) else None

    @property
    def multipart(self) -> Multipart | None:
        """See `ObjectStore.multipart`."""
        return self._multipart

    async def check(self) -> None:
        """See `ObjectStore.check`."""
        await self._first.check()
        await self._second.check()

    async def head(self, key: Key) -> StoredObject:
        """See `ObjectStore.head`."""
        try:
            return await self._first.head(key)
        except ObjectMissing:
            return await self._second.head(key)

    async def get(self, key: Key, *, if_match: str) -> AsyncIterator[bytes]:
        """See `ObjectStore.get`. An ETag is of one of the two."""
        begun = False
        try:
            async for piece in self._first.get(key, if_match=if_match):
                begun = True
                yield piece
        except (ObjectMissing, ObjectChanged) as of_the_first:
            if begun:
                raise
            refusal = of_the_first
        else:
            return
        try:
            async for piece in self._second.get(key, if_match=if_match):
                yield piece
        except ObjectMissing:
            raise refusal from None

    async def put(self, key: Key, content: bytes, *, content_type: str) -> None:
        """See `ObjectStore.put`."""
        await self._first.put(key, content, content_type=content_type)
        await self._second.put(key, content, content_type=content_type)

    async def copy(self, source: Key, target: Key, *, if_match: str) -> None:
        """See `ObjectStore.copy`. It copies where the source has that ETag, and from there to the other."""
        try:
            await self._first.copy(source, target, if_match=if_match)
            home, other = self._first, self._second
        except (ObjectMissing, ObjectChanged) as of_the_first:
            try:
                await self._second.copy(source, target, if_match=if_match)
            except ObjectMissing:
                raise of_the_first from None
            home, other = self._second, self._first
        copied = await home.head(target)
        await other.put_pieces(target, home.get(target, if_match=copied.etag), size=copied.bytes)

    async def delete(self, key: Key) -> None:
        """See `ObjectStore.delete`."""
        await self._second.delete(key)
        await self._first.delete(key)

    async def list(self, prefix: str) -> AsyncIterator[StoredObject]:
        """See `ObjectStore.list`. What is in both is yielded twice, as each has it."""
        for store in (self._first, self._second):
            async for stored in store.list(prefix):
                yield stored

    async def free_bytes(self) -> int | None:
        """See `ObjectStore.free_bytes`."""
        rooms = [await self._first.free_bytes(), await self._second.free_bytes()]
        return min((room for room in rooms if room is not None), default=None)
