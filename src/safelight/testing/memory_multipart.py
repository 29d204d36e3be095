"""Uploads in parts in memory, for tests. They pass the same contract as the real ones."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count

from safelight.domain.errors import ObjectChanged, ObjectMissing
from safelight.domain.keys import Key
from safelight.ports.multipart import OpenUpload, SignedPart, StoredPart

_numbers = count(1)
"""Of all stores together: the uploads of two are never called alike."""


@dataclass
class _Upload:
    opened: OpenUpload
    parts: dict[int, tuple[StoredPart, bytes]] = field(default_factory=dict)


class MemoryMultipart:
    """Parts in a dictionary, until `keep` takes the whole. Fulfils `Multipart`.

    `see` is called first by each, and may raise; `send` is what a client does.
    """

    def __init__(
        self, *, keep: Callable[[Key, bytes], object], see: Callable[[], None], now: Callable[[], datetime]
    ) -> None:
        self.largest_bytes = 5 << 30
        self.begins = True
        self._keep = keep
        self._see = see
        self._now = now
        self._uploads: dict[str, _Upload] = {}
        self._versions = count(1)

    async def begin(self, key: Key, *, content_type: str) -> str:  # noqa: ARG002 - tests look at bytes alone
        """See `Multipart.begin`."""
        self._see()
        multipart_id = f"upload-{next(_numbers)}"
        self._uploads[multipart_id] = _Upload(OpenUpload(key, multipart_id, self._now()))
        return multipart_id

    async def sign_parts(
        self,
        key: Key,
        multipart_id: str,
        sizes: Mapping[int, int],
        *,
        begins_at: datetime,  # noqa: ARG002 - no clock looks at these URLs
        expires_at: datetime,
    ) -> Sequence[SignedPart]:
        """See `Multipart.sign_parts`."""
        ends = int(expires_at.timestamp())
        common = f"memory:{key}?uploadId={multipart_id}&ends={ends}"
        return [SignedPart(number, size, f"{common}&partNumber={number}") for number, size in sizes.items()]

    def send(self, multipart_id: str, number: int, content: bytes) -> None:
        """Let a part come. Raises ObjectMissing."""
        upload = self._found(None, multipart_id)
        part = StoredPart(number, len(content), f"part-{next(self._versions)}")
        upload.parts[number] = (part, content)

    async def parts(self, key: Key, multipart_id: str) -> Sequence[StoredPart]:
        """See `Multipart.parts`."""
        self._see()
        return [part for _, (part, _) in sorted(self._found(key, multipart_id).parts.items())]

    async def complete(self, key: Key, multipart_id: str, parts: Sequence[StoredPart]) -> None:
        """See `Multipart.complete`."""
        self._see()
        come = self._found(key, multipart_id).parts
        if any(part.number not in come or come[part.number][0] != part for part in parts):
            raise ObjectChanged(key)
        self._keep(key, b"".join(come[part.number][1] for part in parts))
        del self._uploads[multipart_id]

    async def abort(self, key: Key, multipart_id: str) -> None:  # noqa: ARG002 - the id says which
        """See `Multipart.abort`."""
        self._see()
        self._uploads.pop(multipart_id, None)

    async def uploads(self, prefix: str) -> AsyncIterator[OpenUpload]:
        """See `Multipart.uploads`."""
        self._see()
        for upload in list(self._uploads.values()):
            if upload.opened.key.startswith(prefix):
                yield upload.opened

    def _found(self, key: Key | None, multipart_id: str) -> _Upload:
        upload = self._uploads.get(multipart_id)
        if upload is None or key not in {None, upload.opened.key}:
            raise ObjectMissing(key or multipart_id)
        return upload
