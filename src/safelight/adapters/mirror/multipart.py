"""Uploads in parts at two stores that are kept alike: they are begun at the first, and ended where they were begun."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime

from safelight.domain.errors import ObjectMissing, StorageFailed
from safelight.domain.keys import Key
from safelight.ports.multipart import Multipart, OpenUpload, SignedPart, StoredPart


class MirroredMultipart:
    """Asks the first store, and then the second: a process that has them the other way round may have begun it there.

    One of them may take no parts. Fulfils `Multipart`.
    """

    def __init__(self, first: Multipart | None, second: Multipart | None) -> None:
        self._first = first
        self._both = [store for store in (first, second) if store is not None]

    @property
    def largest_bytes(self) -> int:
        """See `Multipart.largest_bytes`."""
        return min(store.largest_bytes for store in self._both)

    @property
    def begins(self) -> bool:
        """See `Multipart.begins`."""
        return self._first is not None

    async def begin(self, key: Key, *, content_type: str) -> str:
        """See `Multipart.begin`."""
        if self._first is None:
            raise StorageFailed("uploads in parts are brought to their end here, and none is begun")
        return await self._first.begin(key, content_type=content_type)

    async def sign_parts(
        self, key: Key, multipart_id: str, sizes: Mapping[int, int], *, begins_at: datetime, expires_at: datetime
    ) -> Sequence[SignedPart]:
        """See `Multipart.sign_parts`. For the store that has the upload, which is looked for."""
        store, _ = await self._found(key, multipart_id)
        return await store.sign_parts(key, multipart_id, sizes, begins_at=begins_at, expires_at=expires_at)

    async def parts(self, key: Key, multipart_id: str) -> Sequence[StoredPart]:
        """See `Multipart.parts`."""
        _, parts = await self._found(key, multipart_id)
        return parts

    async def complete(self, key: Key, multipart_id: str, parts: Sequence[StoredPart]) -> None:
        """See `Multipart.complete`. The object lies in one store, as all that clients write."""
        store, _ = await self._found(key, multipart_id)
        await store.complete(key, multipart_id, parts)

    async def abort(self, key: Key, multipart_id: str) -> None:
        """See `Multipart.abort`."""
        for store in self._both:
            await store.abort(key, multipart_id)

    async def uploads(self, prefix: str) -> AsyncIterator[OpenUpload]:
        """See `Multipart.uploads`."""
        for store in self._both:
            async for upload in store.uploads(prefix):
                yield upload

    async def _found(self, key: Key, multipart_id: str) -> tuple[Multipart, Sequence[StoredPart]]:
        """Return the store that has an upload, and its parts. Raises ObjectMissing."""
        for store in self._both:
            try:
                return store, await store.parts(key, multipart_id)
            except ObjectMissing:
                continue
        raise ObjectMissing(key)
