"""Uploads by HTTP: what is refused, when, and that nothing stays of it."""

import asyncio
import base64
import hashlib
import json
from datetime import timedelta
from typing import Any

import pytest

from safelight.domain.image import Checksum, ChecksumAlgorithm
from safelight.domain.keys import Key

KEY = Key("incoming/20261101/0190aaaabbbbccccddddeeeeffff0123.1")
OTHER = Key("incoming/20261101/0190aaaabbbbccccddddeeeeffff0123.2")
ORIGIN = "https://app.example"


def signed(
    client: Any, *, transport: str = "put", size: int = 9, content_type: str = "image/jpeg", **changes: Any
) -> str:
    ends = client.noon + changes.pop("ttl", timedelta(minutes=5))
    upload = client.signer.sign_upload(
        KEY,
        declared_bytes=size,
        content_type=content_type,
        checksum=changes.get("checksum"),
        expires_at=ends,
        transport=transport,
    )
    return str(upload.url)


async def kept(client: Any) -> dict[str, int]:
    return {stored.key: stored.bytes async for stored in client.store.list("")}


def form(*parts: tuple[str, bytes]) -> bytes:
    lines = [f"--x\r\nContent-Disposition: form-data; {head}\r\n\r\n".encode() + body for head, body in parts]
    return b"\r\n".join((*lines, b"--x--\r\n"))


FORM = {"content-type": "multipart/form-data; boundary=x"}
FILE = ('name="file"; filename="a.jpg"\r\nContent-Type: image/jpeg', b"123456789")


async def test_bytes_put_to_the_signed_url_are_stored(client: Any):
    answer = await client("PUT", signed(client), b"1234", b"56789", headers={"content-type": "image/jpeg"})

    assert answer.status == 201
    assert answer.headers["etag"] == f'"{(await client.store.head(KEY)).etag}"'
    assert await kept(client) == {KEY: 9}


@pytest.mark.parametrize("content_type", ["", "application/octet-stream", "IMAGE/JPEG; q=1"])
async def test_a_type_that_says_nothing_passes(client: Any, content_type: str):
    answer = await client("PUT", signed(client), b"123456789", headers={"content-type": content_type})

    assert answer.status == 201


async def test_any_type_passes_where_none_was_declared(client: Any):
    url = signed(client, content_type="application/octet-stream")

    answer = await client("PUT", url, b"123456789", headers={"content-type": "image/heic"})

    assert answer.status == 201


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"content-length": "10"}, 413, "body_too_long"),
        ({"content-length": "8"}, 400, "body_too_short"),
        ({"content-length": "\u00b2"}, 422, "request_invalid"),
        ({"content-type": "text/html"}, 415, "type_not_accepted"),
        ({"content-encoding": "gzip"}, 422, "request_invalid"),
    ],
)
async def test_what_the_headers_give_away_is_refused_before_a_byte_is_read(
    client: Any, headers: dict[str, str], status: int, code: str
):
    answer = await client("PUT", signed(client), b"123456789", headers=headers)

    assert (answer.status, json.loads(answer.body)["code"]) == (status, code)
    assert answer.headers["connection"] == "close"
    assert client.read == 0
    assert await kept(client) == {}


CHANGES = {
    "no token": lambda url: url.partition("?")[0],
    "longer": lambda url: url + "x",
    "twice": lambda url: url + "&token=" + url.partition("token=")[2],
    "empty first": lambda url: url.replace("token=", "token=&token="),
    "another key": lambda url: url.replace(f"/{KEY}", f"/{OTHER}"),
    "another version": lambda url: url.replace("token=v1", "token=v2"),
    "a null byte": lambda url: url + "%00",
    "padded": lambda url: url + "=",
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
async def test_another_url_than_the_signed_one_is_refused_before_a_byte_is_read(client: Any, change: Any):
    answer = await client("PUT", change(signed(client)), b"123456789")

    assert (answer.status, json.loads(answer.body)["code"]) == (403, "token_invalid")
    assert client.read == 0
    assert await kept(client) == {}


async def test_a_download_url_does_not_upload(client: Any):
    token = client.signer.sign_download(KEY, expires_at=client.noon + timedelta(minutes=5)).partition("?")[2]

    answer = await client("PUT", f"https://up.example/{KEY}?{token}", b"123456789")

    assert answer.status == 403


async def test_an_expired_url_is_refused(client: Any):
    answer = await client("PUT", signed(client, ttl=timedelta(0)), b"123456789")

    assert (answer.status, json.loads(answer.body)["code"]) == (403, "token_expired")


async def test_a_longer_body_is_refused_and_nothing_stays(client: Any):
    answer = await client("PUT", signed(client), b"123456789", b"0")

    assert (answer.status, json.loads(answer.body)["code"]) == (413, "body_too_long")
    assert await kept(client) == {}


@pytest.mark.parametrize("breaks_off", [True, False])
async def test_a_shorter_body_is_refused_and_nothing_stays(client: Any, *, breaks_off: bool):
    answer = await client("PUT", signed(client), b"12345678", breaks_off=breaks_off)

    assert (answer.status, json.loads(answer.body)["code"]) == (400, "body_too_short")
    assert await kept(client) == {}


async def test_a_body_that_stalls_is_ended(client: Any):
    stalled = asyncio.Event()
    url = signed(client)
    sent: list[dict[str, Any]] = []
    pieces = [{"type": "http.request", "body": b"1234", "more_body": True}]

    async def receive() -> dict[str, Any]:
        if sent:
            return {"type": "http.disconnect"}
        if pieces:
            return pieces.pop()
        await stalled.wait()
        raise AssertionError

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    query = url.partition("?")[2].encode()
    scope = {"type": "http", "method": "PUT", "path": f"/{KEY}", "query_string": query, "headers": []}
    await client.app(scope, receive, send)

    assert sent[0]["status"] == 408
    assert await kept(client) == {}


async def test_a_second_upload_is_told_that_the_first_one_came(client: Any):
    url = signed(client)
    await client("PUT", url, b"123456789")

    answer = await client("PUT", url, b"987654321")

    assert (answer.status, json.loads(answer.body)["code"]) == (412, "already_written")
    assert client.read == 1


async def test_other_bytes_than_promised_are_refused(client: Any):
    promised = Checksum(ChecksumAlgorithm.SHA256, base64.b64encode(hashlib.sha256(b"123456789").digest()).decode())

    answer = await client("PUT", signed(client, checksum=promised), b"987654321")

    assert (answer.status, json.loads(answer.body)["code"]) == (422, "checksum_differs")
    assert await kept(client) == {}


async def test_a_full_store_says_so(client: Any):
    client.store.room = 8

    answer = await client("PUT", signed(client), b"123456789")

    assert (answer.status, json.loads(answer.body)["code"]) == (507, "disk_full")
    assert answer.headers["retry-after"] == "5"


async def test_a_broken_store_is_our_fault_and_tells_nothing(client: Any):
    url = signed(client)
    client.store.broken = True

    answer = await client("PUT", url, b"123456789")

    assert answer.status == 503
    assert "broken" not in answer.body.decode()
    assert json.loads(answer.body)["request_id"] == "request-1"


async def test_the_file_of_a_form_is_stored(client: Any):
    content = form(('name="title"', b"holiday"), FILE)

    answer = await client("POST", signed(client, transport="post"), content[:50], content[50:], headers=FORM)

    assert answer.status == 201
    assert json.loads(answer.body)["etag"] == (await client.store.head(KEY)).etag
    assert await kept(client) == {KEY: 9}


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (form(('name="title"', b"no file")), 422, "request_invalid"),
        (form(FILE, FILE), 422, "request_invalid"),
        (form(('name="title"', b"x" * 9000), FILE), 422, "request_invalid"),
        (form(*[('name="title"', b"x")] * 40, FILE), 422, "request_invalid"),
        (form(('name="file"; filename="a"\r\n' + "X-Long: " + "x" * 5000, b"123456789")), 422, "request_invalid"),
        (form(FILE)[:-6], 422, "request_invalid"),
        (b"nothing like a form", 422, "request_invalid"),
        (form((FILE[0], b"1234567890")), 413, "body_too_long"),
        (form((FILE[0], b"12345678")), 400, "body_too_short"),
        (form((FILE[0].replace("image/jpeg", "text/html"), b"123456789")), 415, "type_not_accepted"),
    ],
)
async def test_a_form_that_is_not_right_leaves_nothing(client: Any, content: bytes, status: int, code: str):
    answer = await client("POST", signed(client, transport="post"), content, headers=FORM)

    assert (answer.status, json.loads(answer.body)["code"]) == (status, code)
    assert await kept(client) == {}


async def test_a_form_needs_a_boundary(client: Any):
    answer = await client("POST", signed(client), b"123456789", headers={"content-type": "image/jpeg"})

    assert answer.status == 422


@pytest.mark.parametrize(("method", "status"), [("GET", 405), ("DELETE", 405), ("PATCH", 405)])
async def test_other_methods_are_told_what_there_is(client: Any, method: str, status: int):
    answer = await client(method, signed(client))

    assert (answer.status, answer.headers["allow"]) == (status, "PUT, POST, OPTIONS")


@pytest.mark.parametrize("path", ["/", "/incoming/x", f"/{KEY}/", f"//{KEY}", "/etc/passwd", f"/incoming/../{KEY}"])
async def test_what_is_no_key_is_not_there(client: Any, path: str):
    answer = await client("PUT", f"https://up.example{path}", b"123456789")

    assert answer.status == 404


async def test_a_known_page_may_upload(client: Any):
    preflight = await client("OPTIONS", signed(client), headers={"origin": ORIGIN})
    answer = await client("PUT", signed(client), b"123456789", headers={"origin": ORIGIN})

    assert preflight.status == 204
    assert preflight.headers["access-control-allow-methods"] == "PUT, POST"
    assert preflight.headers["access-control-allow-headers"] == "content-type"
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert answer.headers["access-control-expose-headers"] == "ETag, Retry-After, RateLimit, RateLimit-Policy"


async def test_a_known_page_can_read_why_it_was_refused(client: Any):
    answer = await client("PUT", signed(client), b"1", headers={"origin": ORIGIN})

    assert (answer.status, answer.headers["access-control-allow-origin"]) == (400, ORIGIN)


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "https://app.example.evil", "http://app.example"])
async def test_no_other_page_is_told_that_it_may(client: Any, origin: str):
    preflight = await client("OPTIONS", signed(client), headers={"origin": origin})
    answer = await client("PUT", signed(client), b"123456789", headers={"origin": origin})

    for headers in (preflight.headers, answer.headers):
        assert "access-control-allow-origin" not in headers
        assert headers["vary"] == "Origin"
