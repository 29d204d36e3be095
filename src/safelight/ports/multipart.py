"""Uploads in parts, for files that are too large to be sent in one go: a store's side of S3's multipart uploads."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from safelight.domain.keys import Key

MULTIPART = "multipart"
"""What this transport is called, beside "put" and "post"."""


@dataclass(frozen=True, slots=True)
class StoredPart:
    """A part that has come. `etag` changes when it is sent anew."""

    number: int
    bytes: int
    etag: str


@dataclass(frozen=True, slots=True)
class OpenUpload:
    """An upload in parts that was neither completed nor aborted. The store has made up its `multipart_id`."""

    key: Key
    multipart_id: str
    began_at: datetime


@dataclass(frozen=True, slots=True)
class SignedPart:
    """One permission to send one part, as often as one likes until it ends, by PUT."""

    number: int
    bytes: int
    url: str


class Multipart(Protocol):
    """Uploads in parts. Every method may be repeated. Raises StorageFailed where the store itself fails.

    Nothing is under the key until the upload is complete; from then on no part can be sent any more.
    """

    @property
    def largest_bytes(self) -> int:
        """The largest file that the store can still copy."""
        ...

    @property
    def begins(self) -> bool:
        """Whether uploads may be begun; else those that were are brought to their end."""
        ...

    async def begin(self, key: Key, *, content_type: str) -> str:
        """Begin an upload, and return what the store calls it. Each call begins another."""
        ...

    async def sign_parts(
        self, key: Key, multipart_id: str, sizes: Mapping[int, int], *, begins_at: datetime, expires_at: datetime
    ) -> Sequence[SignedPart]:
        """Return permissions to send parts, by number, of exactly these sizes.

        Raises ObjectMissing where it shows that there is no such upload (any more); it need not be looked for.
        """
        ...

    async def parts(self, key: Key, multipart_id: str) -> Sequence[StoredPart]:
        """Return the parts that have come, by number. Raises ObjectMissing where there is no such upload (any more)."""
        ...

    async def complete(self, key: Key, multipart_id: str, parts: Sequence[StoredPart]) -> None:
        """Make the object appear under its key, durably and whole, out of these parts.

        Raises ObjectMissing where there is no such upload (any more): it may be complete. Raises ObjectChanged where a
        part is not the one that is named.
        """
        ...

    async def abort(self, key: Key, multipart_id: str) -> None:
        """Remove the upload and all of its parts. Aborting nothing, or what is complete, is not an error.

        A part that is being sent meanwhile may stay: then the upload is still open, and to be aborted again.
        """
        ...

    def uploads(self, prefix: str) -> AsyncIterator[OpenUpload]:
        """Yield the open uploads whose keys begin so, in no promised order."""
        ...
