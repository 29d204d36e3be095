"""What S3Signer signs is what a real S3 server holds clients to."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

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
ORIGINAL = Key(f"private/{IMAGE}/original")
THUMB = Key(f"private/{IMAGE}/thumb-0123456789abcdef-96.webp")
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


def sign(signer: S3Signer, *, transport: str = "put", ends_at: datetime | None = None) -> SignedUpload:
    return signer.sign_upload(
        INCOMING,
        declared_bytes=len(FILE),
        content_type="image/jpeg",
        checksum=None,
        expires_at=ends_at or datetime.now(UTC) + GOOD_FOR,
        transport=transport,
    )


async def put(browser: httpx.AsyncClient, signed: SignedUpload, content: bytes = FILE, **headers: str) -> int:
    answer = await browser.put(signed.url, content=content, headers={**signed.headers, **headers})
    return answer.status_code


async def post(browser: httpx.AsyncClient, signed: SignedUpload, content: bytes = FILE, **fields: str) -> int:
    answer = await browser.post(signed.url, data={**signed.fields, **fields}, files={"file": content})
    return answer.status_code


async def test_what_was_signed_can_be_sent(signer: S3Signer, objects: S3ObjectStore, browser: httpx.AsyncClient):
    assert await put(browser, sign(signer)) == 200

    stored = await objects.head(INCOMING)
    assert b"".join([piece async for piece in objects.get(INCOMING, if_match=stored.etag)]) == FILE


async def test_a_second_upload_is_refused_whatever_it_holds(
    signer: S3Signer, objects: S3ObjectStore, browser: httpx.AsyncClient
):
    signed = sign(signer)
    await put(browser, signed)
    stored = await objects.head(INCOMING)

    replays = [await put(browser, signed), await put(browser, signed, FILE[::-1])]

    assert replays == [412, 412]
    assert await objects.head(INCOMING) == stored


@pytest.mark.parametrize(
    ("content", "headers"),
    [
        (FILE + b"!", {}),
        (FILE[:-1], {}),
        (b"", {}),
        (FILE, {"content-type": "image/png"}),
        (FILE, {"content-type": "text/html"}),
        (FILE, {"if-none-match": ""}),
    ],
)
async def test_other_bytes_than_were_signed_for_are_refused(
    signer: S3Signer, objects: S3ObjectStore, browser: httpx.AsyncClient, content: bytes, headers: dict[str, str]
):
    assert await put(browser, sign(signer), content, **headers) == 403
    assert await listed(objects) == set()


@pytest.mark.parametrize(
    "header",
    [
        {"x-amz-copy-source": "{bucket}/{original}"},
        {"x_amz_copy_source": "{bucket}/{original}"},
        {"x-amz-copy-source": "{bucket}/{original}", "x-amz-metadata-directive": "REPLACE"},
        {"x-amz-acl": "public-read"},
        {"x-amz-grant-read": 'uri="http://acs.amazonaws.com/groups/global/AllUsers"'},
        {"x-amz-tagging": "kept=yes"},
    ],
)
async def test_a_client_can_add_no_header_that_copies_an_object_or_opens_its_own(
    signer: S3Signer,
    address: S3Address,
    objects: S3ObjectStore,
    browser: httpx.AsyncClient,
    header: dict[str, str],
):
    await objects.put(ORIGINAL, FILE, content_type="application/octet-stream")
    names = {"bucket": address.bucket, "original": address.prefix + ORIGINAL}

    status = await put(browser, sign(signer), **{name: text.format(**names) for name, text in header.items()})

    assert status == 403
    assert await listed(objects) == {ORIGINAL}


async def test_a_header_that_is_left_out_is_refused(
    signer: S3Signer, objects: S3ObjectStore, browser: httpx.AsyncClient
):
    signed = sign(signer)

    for name in signed.headers:
        rest = {other: value for other, value in signed.headers.items() if other != name}
        answer = await browser.put(signed.url, content=FILE, headers=rest)
        assert answer.status_code == 403

    assert await listed(objects) == set()


async def test_bytes_of_no_declared_length_are_refused(
    signer: S3Signer, objects: S3ObjectStore, browser: httpx.AsyncClient
):
    async def chunked() -> AsyncIterator[bytes]:
        yield FILE

    signed = sign(signer)
    answer = await browser.put(signed.url, content=chunked(), headers=signed.headers)

    assert answer.status_code in {403, 411}
    assert await listed(objects) == set()


@pytest.mark.parametrize(
    ("part", "other"),
    [
        (".1?", ".2?"),
        (f"incoming/20261101/{IMAGE}.1", f"private/{IMAGE}/original"),
        ("X-Amz-Expires=", "X-Amz-Expires=1"),
        ("X-Amz-Signature=", "X-Amz-Signature=0"),
        ("content-length%3B", ""),
    ],
)
async def test_a_url_that_was_altered_is_refused(
    signer: S3Signer, objects: S3ObjectStore, browser: httpx.AsyncClient, part: str, other: str
):
    signed = sign(signer)
    assert part in signed.url

    assert await put(browser, replace(signed, url=signed.url.replace(part, other))) == 403
    assert await listed(objects) == set()


async def test_an_upload_url_neither_reads_nor_deletes(
    signer: S3Signer, objects: S3ObjectStore, browser: httpx.AsyncClient
):
    await objects.put(INCOMING, FILE, content_type="image/jpeg")
    signed = sign(signer)

    answers = [await browser.request(method, signed.url, headers=signed.headers) for method in ("GET", "DELETE")]

    assert [answer.status_code for answer in answers] == [403, 403]
    assert await listed(objects) == {INCOMING}


async def test_what_has_expired_is_refused(signer: S3Signer, objects: S3ObjectStore, browser: httpx.AsyncClient):
    await objects.put(ORIGINAL, FILE, content_type="image/jpeg")
    ended = datetime.now(UTC) - timedelta(seconds=1)

    uploads = [
        await put(browser, sign(signer, ends_at=ended)),
        await post(browser, sign(signer, transport="post", ends_at=ended)),
    ]
    download = await browser.get(signer.sign_download(ORIGINAL, expires_at=ended))

    assert (uploads, download.status_code) == ([403, 403], 403)
    assert await listed(objects) == {ORIGINAL}


async def test_what_another_key_signed_is_refused(
    address: S3Address, s3_credentials: S3Credentials, objects: S3ObjectStore, browser: httpx.AsyncClient
):
    forged = replace(s3_credentials.current(), secret_key="guessed")
    signer = S3Signer(address, S3Credentials(forged), good_for=GOOD_FOR)

    assert await put(browser, sign(signer)) == 403
    assert await post(browser, sign(signer, transport="post")) == 403
    assert await listed(objects) == set()


async def test_a_form_can_be_posted(signer: S3Signer, objects: S3ObjectStore, browser: httpx.AsyncClient):
    signed = sign(signer, transport="post")

    assert await post(browser, signed) == 204

    stored = await objects.head(INCOMING)
    assert b"".join([piece async for piece in objects.get(INCOMING, if_match=stored.etag)]) == FILE


@pytest.mark.parametrize(
    ("content", "fields"),
    [
        (FILE + b"!", {}),
        (FILE[:-1], {}),
        (FILE, {"Content-Type": "text/html"}),
        (FILE, {"key": "another"}),
        (FILE, {"policy": "e30="}),
        (FILE, {"acl": "public-read"}),
    ],
)
async def test_a_form_is_held_to_its_policy(
    signer: S3Signer, objects: S3ObjectStore, browser: httpx.AsyncClient, content: bytes, fields: dict[str, str]
):
    status = await post(browser, sign(signer, transport="post"), content, **fields)

    assert status in {400, 403}
    assert await listed(objects) == set()


async def test_an_original_is_a_download_of_octets_and_a_rendition_is_shown(
    signer: S3Signer, objects: S3ObjectStore, browser: httpx.AsyncClient
):
    """Whatever type it was stored with: HTML that came from a client never runs on the bucket's origin."""
    ends_at = datetime.now(UTC).replace(microsecond=0) + GOOD_FOR
    for key in (ORIGINAL, THUMB):
        await objects.put(key, FILE, content_type="text/html")

    original, thumb = [await browser.get(signer.sign_download(key, expires_at=ends_at)) for key in (ORIGINAL, THUMB)]

    assert (original.status_code, original.content) == (200, FILE)
    assert original.headers["content-type"] == "application/octet-stream"
    assert original.headers["content-disposition"] == 'attachment; filename="original"'
    assert thumb.headers["content-type"] == "image/webp"
    assert thumb.headers["content-disposition"].startswith("inline")
    assert thumb.headers["cache-control"] == "private"
    assert thumb.headers["expires"] == format_datetime(ends_at, usegmt=True)


@pytest.mark.parametrize(
    ("part", "other"),
    [("attachment", "inline"), ("application%2Foctet-stream", "text%2Fhtml"), ("/original", "/thumb-0-1.webp")],
)
async def test_a_download_cannot_be_made_another_one(
    signer: S3Signer, objects: S3ObjectStore, browser: httpx.AsyncClient, part: str, other: str
):
    await objects.put(ORIGINAL, FILE, content_type="image/jpeg")
    url = signer.sign_download(ORIGINAL, expires_at=datetime.now(UTC) + GOOD_FOR)
    assert part in url

    assert (await browser.get(url.replace(part, other))).status_code == 403


async def test_nothing_is_read_without_a_signature(
    signer: S3Signer, objects: S3ObjectStore, browser: httpx.AsyncClient
):
    """A bucket is private unless its policy opens what lies under `public/`."""
    await objects.put(ORIGINAL, FILE, content_type="image/jpeg")
    signed = signer.sign_download(ORIGINAL, expires_at=datetime.now(UTC) + GOOD_FOR)

    assert (await browser.get(signed.partition("?")[0])).status_code == 403


async def listed(objects: S3ObjectStore) -> set[Key]:
    return {stored.key async for stored in objects.list("")}
