"""Step 2, UPLOAD: the bytes come in. S3 does this itself."""

from collections.abc import AsyncIterator

from safelight.domain.tokens import UploadClaims
from safelight.ports.object_store import IncomingStore


async def upload_image(claims: UploadClaims, chunks: AsyncIterator[bytes], *, incoming: IncomingStore) -> str:
    """Write what the client sends where its URL permits, whole or not at all; return the ETag.

    Raises AlreadyWritten, BodyTooLong, BodyTooShort, ChecksumDiffers, DiskFull, and whatever `chunks` raise.
    """
    sink = await incoming.sink(claims.key, declared_bytes=claims.bytes, checksum=claims.checksum)
    try:
        async for chunk in chunks:
            await sink.write(chunk)
        return await sink.finish()
    finally:
        await sink.abort()
