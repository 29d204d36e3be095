"""Hold bytes to the checksum that their client promised: not every store has done so when it took them in."""

import base64
from collections.abc import AsyncIterator

from safelight.domain.errors import ImageRejected, Reason
from safelight.domain.image import Checksum
from safelight.ports.digests import DIGESTS


async def as_promised(pieces: AsyncIterator[bytes], promised: Checksum | None) -> AsyncIterator[bytes]:
    """Yield the pieces, and raise ImageRejected after the last where they are others than were promised."""
    digest = DIGESTS[promised.algorithm]() if promised else None
    async for piece in pieces:
        if digest:
            digest.update(piece)
        yield piece
    if promised and digest and base64.b64encode(digest.digest()).decode() != promised.value:
        raise ImageRejected(Reason.DAMAGED, f"has another {promised.algorithm} than was promised")
