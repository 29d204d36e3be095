"""Where bytes lie, how a client is allowed to write them, and what their URLs are."""

from collections.abc import AsyncIterable, AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from safelight.domain.image import Checksum
from safelight.domain.keys import Key
from safelight.ports.multipart import Multipart


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One object, as `head` and `list` see it. `etag` changes when the bytes do."""

    key: Key
    bytes: int
    etag: str
    modified_at: datetime


@dataclass(frozen=True, slots=True)
class SignedUpload:
    """One permission to write one object: what the client calls, and until when."""

    transport: str
    method: str
    url: str
    expires_at: datetime
    headers: Mapping[str, str] = field(default_factory=dict)
    fields: Mapping[str, str] = field(default_factory=dict)


class ObjectStore(Protocol):
    """Objects by key. Every method may be repeated. Raises StorageFailed where the store itself fails."""

    @property
    def multipart(self) -> Multipart | None:
        """Uploads in parts, or None where the store takes none."""
        ...

    async def check(self) -> None:
        """See that the store answers, and is one that we may use: even where it has no object yet."""
        ...

    async def head(self, key: Key) -> StoredObject:
        """Return what is known of an object. Raises ObjectMissing."""
        ...

    def get(self, key: Key, *, if_match: str) -> AsyncIterator[bytes]:
        """Yield the bytes, in pieces of at most 1 MiB.

        Raises ObjectMissing, and ObjectChanged where the ETag differs.
        """
        ...

    async def put(self, key: Key, content: bytes, *, content_type: str) -> None:
        """Write the whole object, durably, before returning. One that is there already is replaced, all at once."""
        ...

    async def copy(self, source: Key, target: Key, *, if_match: str) -> None:
        """Copy inside the store, durably; the target holds the bytes of that ETag or is left as it was.

        Raises ObjectMissing, and ObjectChanged where the source's ETag differs.
        """
        ...

    async def delete(self, key: Key) -> None:
        """Remove the object. Removing nothing is not an error."""
        ...

    def list(self, prefix: str) -> AsyncIterator[StoredObject]:
        """Yield the objects whose keys begin so, in no promised order. What changes meanwhile may be seen or not."""
        ...

    async def free_bytes(self) -> int | None:
        """Return how much room is left, or None where there is no end to it."""
        ...


class ReceivingStore(ObjectStore, Protocol):
    """A store that takes objects over from another one, however large they are."""

    async def put_pieces(self, key: Key, pieces: AsyncIterable[bytes], *, size: int) -> None:
        """Write the whole object, durably, from pieces of `size` bytes in all; as `put`, but with flat memory.

        Where pieces are missing, too many, or raise, the store is left as it was. Raises what they raise.
        """
        ...


class Sink(Protocol):
    """Takes the bytes of one incoming object. One of `finish` and `abort` must end it."""

    async def write(self, chunk: bytes) -> None:
        """Take more bytes. Raises BodyTooLong at the first byte over the declared size, and DiskFull."""
        ...

    async def finish(self) -> str:
        """Make the object appear, durably and whole, under its key; return its ETag.

        Raises BodyTooShort, ChecksumDiffers, AlreadyWritten (the key is there already and stays as it is), DiskFull.
        Nothing is left behind when it raises.
        """
        ...

    async def abort(self) -> None:
        """Leave nothing behind. May follow anything; after a `finish` that returned, it changes nothing."""
        ...


class IncomingStore(Protocol):
    """The upload service's side of a store: where clients' bytes go in."""

    async def sink(self, key: Key, *, declared_bytes: int, checksum: Checksum | None) -> Sink:
        """Open a sink. Raises AlreadyWritten where the key is there, DiskFull where room is under the watermark."""
        ...


class OpenObject(Protocol):
    """One object, open for reading. It stays whole even where it is replaced or deleted meanwhile."""

    @property
    def stored(self) -> StoredObject:
        """Return what is known of it."""
        ...

    async def read(self, offset: int, count: int) -> bytes:
        """Return `count` bytes from `offset`; fewer only where the object ends. Raises StorageFailed."""
        ...

    async def close(self) -> None:
        """Let go of it. May be repeated."""
        ...


class OutgoingStore(Protocol):
    """The delivering side of a store that our own service serves: where bytes go out."""

    async def head(self, key: Key) -> StoredObject:
        """Return what is known of an object. Raises ObjectMissing."""
        ...

    async def open(self, key: Key, *, ahead: int = 0) -> OpenObject:
        """Open an object, its first `ahead` bytes read already. `close` must end it. Raises ObjectMissing."""
        ...


class Signer(Protocol):
    """Makes URLs; never touches bytes or the network."""

    def sign_upload(
        self,
        key: Key,
        *,
        declared_bytes: int,
        content_type: str,
        checksum: Checksum | None,
        expires_at: datetime,
        transport: str,
    ) -> SignedUpload:
        """Return a permission to write exactly this object, once, by "put" or "post". Raises UnsupportedTransport."""
        ...

    def sign_download(self, key: Key, *, expires_at: datetime) -> str:
        """Return a URL that reads the object until then. Equal arguments give equal URLs."""
        ...

    def public_url(self, key: Key) -> str:
        """Return the direct URL of an object under `public/`."""
        ...
