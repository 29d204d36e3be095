"""What S3Signer signs is what a real S3 server holds clients to."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from safelight.adapters.s3.address import S3Address
from safelight.adapters.s3.credentials import S3Credentials
from safelight.adapters.s3.object_store import S3ObjectStore, open_s3_store
from safelight.adapters.s3.signer import S3Signer
from safelight.domain.keys import Key
from safelight.ports.object_store import SignedUpload

IMAGE = "0190aaaabbbbccccddddeeeeffff0123"
INCOMING = Key(f"incoming/20261101/{IMAGE}.1")
OTHER = Key(f"incoming/20261101/{IMAGE}.2")
ORIGINAL = Key(f"private/{IMAGE}/original")
THUMB = Key(f"private/{IMAGE}/thumb-0123456789abcdef-96.webp")
PUBLIC = Key(f"public/{IMAGE}/thumb-0123456789abcdef-96.webp")
FILE = b"the bytes of a file"
GOOD_FOR = timedelta(minutes=15)


@pytest.fixture
def address(s3_url: str) -> S3Address:
    return S3Address.parse(s3_url)


@pytest.fixture
def signer(address: S3Address, s3_credentials: S3Credentials) -> S3Signer:
    return S3Signer(address, s3_credentials, good_for=GOOD_FOR)


@pytest.fixture
async def objects(address: S3Address, s3_credentials: S3Credentials) -> AsyncIterator[S3ObjectStore]:
    async with open_s3_store(address, s3_credentials) as objects:
        yield objects
        async for stored in objects.list(""):
            await objects.delete(stored.key)


@pytest.fixture
async def browser() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient() as browser:
        yield browser


def sign(signer: S3Signer, key: Key = INCOMING, *, transport: str = "put", ends_in: timedelta = GOOD_FOR):
    return signer.sign_upload(
        key,
        declared_bytes=len(FILE),
        content_type="image/jpeg",
        checksum=None,
        expires_at=datetime.now(UTC) + ends_in,
        transport=transport,
    )


async def put(browser: httpx.AsyncClient, signed: SignedUpload, content: bytes = FILE, **headers: str) -> int:
    answer = await browser.put(signed.url, content=content, headers={**signed.headers, **headers})
    return answer.status_code


async def test_what_was_signed_can_be_sent(signer: S3Signer, objects: S3ObjectStore, browser: httpx.AsyncClient):
    assert await put(browser, sign(signer)) == 200

    stored = await objects.head(INCOMING)
    assert b"".join([piece async for piece in objects.get(INCOMING, if_match=stored.etag)]) == FILE


async def test_the_length_is_never_among_the_headers(signer: S3Signer):
    assert sign(signer).headers == {"content-type": "image/jpeg", "if-none-match": "*"}


async def test_a_download_is_what_was_stored(signer: S3Signer, objects: S3ObjectStore, browser: httpx.AsyncClient):
    await objects.put(THUMB, FILE, content_type="image/webp")

    answer = await browser.get(signer.sign_download(THUMB, expires_at=datetime.now(UTC) + GOOD_FOR))

    assert (answer.status_code, answer.content) == (200, FILE)
