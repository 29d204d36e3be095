"""What is asked of an S3 server about uploads in parts, and what its answers mean."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from safelight.adapters.s3 import requests as s3_requests
from safelight.adapters.s3.address import S3Address
from safelight.adapters.s3.auth import SigV4
from safelight.adapters.s3.credentials import AccessKey, S3Credentials
from safelight.adapters.s3.multipart import S3Multipart
from safelight.adapters.s3.requests import S3Requests
from safelight.domain.errors import ObjectChanged, ObjectMissing, StorageFailed
from safelight.domain.keys import Key
from safelight.ports.multipart import OpenUpload, StoredPart

IMAGE = "0190aaaabbbbccccddddeeeeffff0123"
INCOMING = Key(f"incoming/20261101/{IMAGE}.1")
NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
ADDRESS = S3Address.parse(
    "s3://bucket?profile=r2&endpoint=https://account.r2.cloudflarestorage.com&public_endpoint=https://files.example"
    "&prefix=part"
)
UPLOADER = AccessKey("AKIDUPLOADER", "another secret")
PART = StoredPart(1, 5, "abc")


class Server:
    """Answers one by one, and keeps what it was asked."""

    def __init__(self, *answers: tuple[int, str]) -> None:
        self._answers = list(answers)
        self.asked: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        status, text = self._answers.pop(0)
        return httpx.Response(status, text=text)


def multipart_on(server: Server) -> S3Multipart:
    client = httpx.AsyncClient(transport=httpx.MockTransport(server))
    requests = S3Requests(client, ADDRESS, S3Credentials(AccessKey("AKIDEXAMPLE", "secret")))
    return S3Multipart(requests, SigV4(S3Credentials(UPLOADER), ADDRESS.region))


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3_requests, "FIRST_WAIT_S", 0)


def error(status: int, code: str) -> tuple[int, str]:
    return status, f"<Error><Code>{code}</Code></Error>"


def parts_page(*numbers: int, following: int | None) -> tuple[int, str]:
    entries = "".join(
        f'<Part><PartNumber>{number}</PartNumber><ETag>"etag-{number}"</ETag><Size>5</Size></Part>'
        for number in numbers
    )
    more = f"<IsTruncated>{'true' if following else 'false'}</IsTruncated>"
    marker = f"<NextPartNumberMarker>{following or 0}</NextPartNumberMarker>"
    return (
        200,
        f'<ListPartsResult xmlns="http://doc.s3.amazonaws.com/2006-03-01">{more}{marker}{entries}</ListPartsResult>',
    )


async def test_parts_are_read_page_by_page_whatever_namespace_they_are_in():
    server = Server(parts_page(1, 2, following=2), parts_page(3, following=None))

    parts = await multipart_on(server).parts(INCOMING, "upload")

    assert parts == [StoredPart(number, 5, f"etag-{number}") for number in (1, 2, 3)]
    assert [parse_qs(one.url.query.decode()) for one in server.asked] == [
        {"uploadId": ["upload"]},
        {"uploadId": ["upload"], "part-number-marker": ["2"]},
    ]


def uploads_page(*keys: str, following: str | None) -> tuple[int, str]:
    entries = "".join(
        f"<Upload><Key>{key}</Key><UploadId>u-{number}</UploadId><Initiated>2026-11-01T12:00:00.000Z</Initiated></Upload>"
        for number, key in enumerate(keys, start=1)
    )
    markers = f"<NextKeyMarker>{following}</NextKeyMarker><NextUploadIdMarker>u-2</NextUploadIdMarker>"
    more = f"<IsTruncated>{'true' if following else 'false'}</IsTruncated>{markers if following else ''}"
    return 200, f"<ListMultipartUploadsResult>{more}{entries}</ListMultipartUploadsResult>"


async def test_open_uploads_are_read_page_by_page_and_those_of_others_passed_over():
    ours = f"part/{INCOMING}"
    server = Server(uploads_page(ours, "part/foreign", following=ours), uploads_page(ours, following=None))

    uploads = [upload async for upload in multipart_on(server).uploads("incoming/")]

    assert uploads == [OpenUpload(INCOMING, "u-1", NOW)] * 2
    asked = [parse_qs(one.url.query.decode(), keep_blank_values=True) for one in server.asked]
    assert [one["prefix"] for one in asked] == [["part/incoming/"]] * 2
    assert (asked[1]["key-marker"], asked[1]["upload-id-marker"]) == ([ours], ["u-2"])


async def test_a_part_is_signed_for_the_public_address_with_its_length():
    [signed] = await multipart_on(Server()).sign_parts(
        INCOMING, "up/load", {7: 5}, begins_at=NOW, expires_at=NOW + timedelta(minutes=15)
    )

    address = urlsplit(signed.url)
    query = parse_qs(address.query)
    assert (address.netloc, address.path) == ("files.example", f"/bucket/part/{INCOMING}")
    assert (query["partNumber"], query["uploadId"]) == (["7"], ["up/load"])
    assert query["X-Amz-Credential"] == ["AKIDUPLOADER/20261101/auto/s3/aws4_request"]
    assert query["X-Amz-SignedHeaders"] == ["content-length;host"]
    assert (query["X-Amz-Date"], query["X-Amz-Expires"]) == (["20261101T115500Z"], ["1200"])


async def test_an_upload_is_completed_by_its_parts_and_their_etags():
    server = Server((200, "<CompleteMultipartUploadResult/>"))

    await multipart_on(server).complete(INCOMING, "upload", [PART, StoredPart(2, 5, "def")])

    assert "Credential=AKIDEXAMPLE/" in server.asked[0].headers["authorization"]
    assert server.asked[0].content == (
        b'<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        b"<Part><PartNumber>1</PartNumber><ETag>&quot;abc&quot;</ETag></Part>"
        b"<Part><PartNumber>2</PartNumber><ETag>&quot;def&quot;</ETag></Part></CompleteMultipartUpload>"
    ).replace(b"&quot;", b'"')


async def parts(multipart: S3Multipart) -> Any:
    return await multipart.parts(INCOMING, "upload")


async def complete(multipart: S3Multipart) -> None:
    await multipart.complete(INCOMING, "upload", [PART])


async def begin(multipart: S3Multipart) -> str:
    return await multipart.begin(INCOMING, content_type="image/tiff")


@pytest.mark.parametrize(
    ("act", "answers", "expected"),
    [
        (parts, [error(404, "NoSuchUpload")], ObjectMissing),
        (parts, [error(404, "NoSuchKey")], ObjectMissing),
        (parts, [error(404, "NoSuchBucket")], StorageFailed),
        (complete, [error(404, "NoSuchUpload")], ObjectMissing),
        (complete, [error(400, "InvalidPart")], ObjectChanged),
        (complete, [error(200, "InternalError")], StorageFailed),
        (complete, [*[error(500, "InternalError")] * s3_requests.TRIES, error(404, "NoSuchUpload")], ObjectMissing),
        (complete, [*[error(500, "InternalError")] * s3_requests.TRIES, parts_page(1, following=None)], StorageFailed),
        (begin, [error(403, "AccessDenied")], StorageFailed),
        (begin, [(200, "<html/>")], StorageFailed),
    ],
)
async def test_answers_that_say_no_become_our_errors(
    act: Callable[[S3Multipart], Any], answers: list[tuple[int, str]], expected: type[Exception]
):
    with pytest.raises(expected):
        await act(multipart_on(Server(*answers)))


async def test_an_upload_that_is_gone_need_not_be_aborted():
    await multipart_on(Server(error(404, "NoSuchUpload"))).abort(INCOMING, "upload")

    with pytest.raises(StorageFailed):
        await multipart_on(Server(error(403, "AccessDenied"))).abort(INCOMING, "upload")
