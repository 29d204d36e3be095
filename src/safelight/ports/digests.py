"""What computes the checksums that clients promise."""

import hashlib
from collections.abc import Callable, Mapping
from typing import Protocol

import google_crc32c

from safelight.domain.image import ChecksumAlgorithm


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
