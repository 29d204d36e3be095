"""Hold bytes to the checksum that their client promised: not every store has done so when it took them in."""

import base64
import hashlib
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Protocol

import google_crc32c

from safelight.domain.errors import ImageRejected, Reason
from safelight.domain.image import Checksum, ChecksumAlgorithm


class Digest(Protocol):
    """What `hashlib` and `google_crc32c` have in common."""

    def update(self, data: bytes, /) -> None:
        """Take more bytes."""
        ...

    def digest(self) -> bytes:
        """Return the big-endian digest of all of them."""
        ...


DIGESTS: Mapping[ChecksumAlgorithm, Callable[[], Digest]] = {
    ChecksumAlgorithm.CRC32C: google_crc32c.Checksum,
    ChecksumAlgorithm.SHA256: hashlib.sha256,
}


async def as_promised(pieces: AsyncIterator[bytes], promised: Checksum | None) -> AsyncIterator[bytes]:
    """Yield the pieces, and raise ImageRejected after the last where they are others than were promised."""
    digest = DIGESTS[promised.algorithm]() if promised else None
    async for piece in pieces:
        if digest:
            digest.update(piece)
        yield piece
    if promised and digest and base64.b64encode(digest.digest()).decode() != promised.value:
        raise ImageRejected(Reason.DAMAGED, f"has another {promised.algorithm} than was promised")
