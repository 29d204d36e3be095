"""Bytes are what their client promised, or the image is rejected."""

import base64
import hashlib
from collections.abc import AsyncIterator

import pytest

from safelight.deeds.promise import as_promised
from safelight.domain.errors import ImageRejected, Reason
from safelight.domain.image import Checksum, ChecksumAlgorithm

SHA256 = Checksum(ChecksumAlgorithm.SHA256, base64.b64encode(hashlib.sha256(b"123456789").digest()).decode())
CRC32C = Checksum(ChecksumAlgorithm.CRC32C, base64.b64encode(bytes.fromhex("e3069283")).decode())


async def some(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


@pytest.mark.parametrize("promised", [None, SHA256, CRC32C])
async def test_what_was_promised_goes_through(promised: Checksum | None):
    pieces = [piece async for piece in as_promised(some(b"1234", b"56789"), promised)]

    assert pieces == [b"1234", b"56789"]


@pytest.mark.parametrize("promised", [SHA256, CRC32C])
async def test_what_was_not_is_rejected_after_the_last_piece(promised: Checksum):
    pieces = as_promised(some(b"1234", b"56780"), promised)

    came = [await anext(pieces), await anext(pieces)]
    with pytest.raises(ImageRejected) as rejected:
        await anext(pieces)

    assert came == [b"1234", b"56780"]
    assert rejected.value.reason is Reason.DAMAGED
