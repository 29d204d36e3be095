"""What is asked of an S3 server without obstore, and what its answers mean: a server that says what a test wants."""

from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
from obstore.store import S3Store

from safelight.adapters.s3 import requests as s3_requests
from safelight.adapters.s3.address import S3Address
from safelight.adapters.s3.auth import SigV4
from safelight.adapters.s3.credentials import AccessKey, S3Credentials
from safelight.adapters.s3.object_store import S3ObjectStore
from safelight.adapters.s3.requests import S3Requests, failure
from safelight.domain.errors import ObjectChanged, ObjectMissing, SafelightError, StorageFailed
from safelight.domain.keys import Key

IMAGE = "0190aaaabbbbccccddddeeeeffff0123"
INCOMING = Key(f"incoming/20261101/{IMAGE}.1")
ORIGINAL = Key(f"private/{IMAGE}/original")
PUBLIC = Key(f"public/{IMAGE}/thumb-0123456789abcdef-96.webp")
ADDRESS = S3Address.parse("s3://bucket?profile=r2&endpoint=https://account.r2.cloudflarestorage.com&prefix=part")

Answer = Callable[[httpx.Request], httpx.Response]


def error(status: int, code: str) -> httpx.Response:
    return httpx.Response(status, text=f"<?xml version='1.0'?><Error><Code>{code}</Code></Error>")


class FakeS3:
    """Answers one by one, the last one again and again, and keeps what it was asked."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self._answers = list(answers)
        self.asked: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def store_on(server: FakeS3) -> S3ObjectStore:
    client = httpx.AsyncClient(transport=httpx.MockTransport(server))
    credentials = S3Credentials(AccessKey("AKIDEXAMPLE", "secret"))
    requests, uploader = S3Requests(client, ADDRESS, credentials), SigV4(credentials, ADDRESS.region)
    return S3ObjectStore(S3Store("bucket", endpoint="http://127.0.0.1:9", region="auto"), requests, uploader)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3_requests, "FIRST_WAIT_S", 0)


async def test_a_copy_is_bound_to_the_source_and_described_by_the_target():
    server = FakeS3(httpx.Response(200, text="<CopyObjectResult/>"))

    await store_on(server).copy(INCOMING, PUBLIC, if_match="abc")

    (asked,) = server.asked
    assert (asked.method, asked.url.path) == ("PUT", f"/bucket/part/{PUBLIC}")
    assert asked.headers["x-amz-copy-source"] == f"/bucket/part/{INCOMING}"
    assert asked.headers["x-amz-copy-source-if-match"] == '"abc"'
    assert asked.headers["x-amz-metadata-directive"] == "REPLACE"
    assert asked.headers["content-type"] == "image/webp"
    assert asked.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert "x-amz-copy-source-if-match" in asked.headers["authorization"]


@pytest.mark.parametrize(
    ("answer", "raised"),
    [
        (error(412, "PreconditionFailed"), ObjectChanged),
        (error(404, "NoSuchKey"), ObjectMissing),
        (error(404, "NoSuchBucket"), StorageFailed),
        (error(403, "AccessDenied"), StorageFailed),
        (error(200, "InternalError"), StorageFailed),
    ],
)
async def test_a_copy_that_was_not_made_is_never_taken_for_one(answer: httpx.Response, raised: type[SafelightError]):
    """AWS may say 200 before it has copied, and tell in the body that it could not."""
    with pytest.raises(raised):
        await store_on(FakeS3(answer)).copy(INCOMING, ORIGINAL, if_match="abc")


@pytest.mark.parametrize("moment", [error(503, "SlowDown"), error(500, "InternalError"), httpx.ConnectError("refused")])
async def test_a_bad_moment_is_waited_for(moment: Any):
    server = FakeS3(moment, moment, httpx.Response(200, text="<CopyObjectResult/>"))

    await store_on(server).copy(INCOMING, ORIGINAL, if_match="abc")

    assert len(server.asked) == 3


@pytest.mark.parametrize(
    ("moment", "says"),
    [
        (error(503, "SlowDown"), "answers SlowDown"),
        (httpx.Response(502, text="<html>"), "answers status 502"),
        (httpx.ConnectError("refused"), "gives no answer (ConnectError)"),
        (httpx.ReadTimeout("late"), "gives no answer (ReadTimeout)"),
        (error(403, "RequestTimeTooSkewed"), "clock"),
        (error(403, "ExpiredToken"), "refuses our credentials (ExpiredToken)"),
        (error(403, "QuotaExceeded"), "Make room, or raise its quota"),
        (error(301, "PermanentRedirect"), "Write its own, region=..."),
        (error(400, "AuthorizationHeaderMalformed"), "not in region auto"),
        (error(404, "NoSuchBucket"), "no bucket bucket at https://account.r2"),
    ],
)
async def test_what_does_not_pass_says_what_it_is(moment: Any, says: str):
    server = FakeS3(moment)

    with pytest.raises(StorageFailed) as failed:
        await store_on(server).check()

    assert says in str(failed.value)
    assert "secret" not in str(failed.value)


async def test_a_list_goes_on_page_by_page_and_passes_over_what_is_not_ours():
    def page(*keys: str, token: str = "") -> httpx.Response:
        more = f"<NextContinuationToken>{token}</NextContinuationToken>" if token else ""
        entries = "".join(
            f"<Contents><Key>part%2F{key}</Key><Size>7</Size><ETag>&quot;abc&quot;</ETag>"
            "<LastModified>2026-11-01T12:00:00.123Z</LastModified></Contents>"
            for key in keys
        )
        return httpx.Response(
            200,
            text=f'<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{entries}{more}</ListBucketResult>',
        )

    server = FakeS3(page(INCOMING, "a%20stranger", token="next/+="), page(ORIGINAL))

    found = [stored async for stored in store_on(server).list("private/")]

    assert [(stored.key, stored.bytes, stored.etag) for stored in found] == [(INCOMING, 7, "abc"), (ORIGINAL, 7, "abc")]
    first, second = (parse_qs(asked.url.query.decode()) for asked in server.asked)
    assert first["prefix"] == second["prefix"] == ["part/private/"]
    assert second["continuation-token"] == ["next/+="]


@pytest.mark.parametrize("answer", [error(503, "SlowDown"), httpx.Response(200, text="<html>log in<br></html>")])
async def test_a_list_that_cannot_be_read_is_no_end(answer: httpx.Response):
    with pytest.raises(StorageFailed):
        await anext(aiter(store_on(FakeS3(answer)).list("")))


@pytest.mark.parametrize(
    ("told", "says"),
    [
        ("Server returned non-2xx status code: 503: <Error><Code>SlowDown</Code></Error>", "answers SlowDown"),
        ("Server returned non-2xx status code: 502 Bad Gateway: ", "answers status 502"),
        ("<Error><Code>QuotaExceeded</Code></Error>", "Make room"),
        ("Received redirect without LOCATION, this normally indicates an incorrectly configured region", "region="),
        ("HTTP error: error sending request", "gives no answer"),
    ],
)
def test_what_obstore_tells_is_said_the_same_way(told: str, says: str):
    assert says in str(failure(ADDRESS, told))


@pytest.mark.parametrize("came", [b"ab", b"abcd"])
async def test_pieces_of_another_size_are_refused_before_the_server_is_told_of_an_end(came: bytes):
    async def pieces() -> AsyncIterator[bytes]:
        yield came

    server = FakeS3(httpx.Response(200))

    with pytest.raises(StorageFailed, match="3 bytes were to be written"):
        await store_on(server).put_pieces(ORIGINAL, pieces(), size=3)
