"""Bad input: each ends in a clear error, or in `rejected` with a reason; nothing of it is left behind."""

import json
import os
import signal
import socket
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from safelight.domain.errors import SENTENCES, Reason
from safelight.testing import corpus
from safelight.testing.server import Server

SHORT_TIMES = {
    "upload_ttl": "3",
    "body_timeout": "3",
    "body_grace": "1",
    "min_bytes_per_second": "1000",
    "header_timeout": "2",
    "reconcile_every": "0.5",
    "sweep_every": "0.5",
    "orphan_grace": "1",
    "retry_base": "0.2",
    "max_upload_attempts": "3",
    "min_free_bytes": "0",
}
"""So that the test sees the end of everything."""

HOSTILE = {file.name: file for file in corpus.hostile_files() if file.content}
A_FEW = (
    "page.jpg",
    "svg.jpg",
    "bomb.png",
    "bomb.avif",
    "50-percent.jpeg",
    "95-percent.png",
    "400-frames.gif",
    "zeros.jpg",
)
"""Enough to see that every sort of rejection comes through; tests/hostile has all of the files."""

IMAGE = {"kind": "photo", "filename": "p.jpg", "size": 1000, "content_type": "image/jpeg"}


@pytest.fixture(scope="module")
def hurried(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server on which uploads end, and are purged, after seconds."""
    with Server(tmp_path_factory.mktemp("bad") / "data", SHORT_TIMES) as server:
        yield server


@pytest.fixture
def api(hurried: Server, call_as_application: Any) -> Iterator[Any]:
    with call_as_application(hurried) as api:
        yield api


def code(answer: httpx.Response) -> tuple[int, str]:
    problem = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["detail"].endswith(".")
    assert problem["request_id"] == answer.headers["x-request-id"]
    return answer.status_code, problem["code"]


# 1 REQUEST


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"kind": "banner"}, (404, "unknown_kind")),
        ({"kind": "\x00"}, (404, "unknown_kind")),
        ({"content_type": "text/html"}, (415, "type_not_accepted")),
        ({"content_type": "image/svg+xml"}, (415, "type_not_accepted")),
        ({"content_type": "image/tiff"}, (415, "type_not_accepted")),
        ({"size": 20_000_001}, (413, "too_large")),
        ({"size": 2**53}, (413, "too_large")),
        ({"size": 0}, (422, "empty_file")),
        ({"transport": "carrier-pigeon"}, (422, "unsupported_transport")),
        ({"size": -1}, (422, "request_invalid")),
        ({"size": 2**53 + 1}, (422, "request_invalid")),
        ({"size": 10**400}, (422, "request_invalid")),
        ({"size": 1.5}, (422, "request_invalid")),
        ({"size": "1000"}, (422, "request_invalid")),
        ({"size": None}, (422, "request_invalid")),
        ({"size": True}, (422, "request_invalid")),
        ({"kind": None}, (422, "request_invalid")),
        ({"kind": ["photo"]}, (422, "request_invalid")),
        ({"kind": "x" * 101}, (422, "request_invalid")),
        ({"filename": "x" * 10_001}, (422, "request_invalid")),
        ({"filename": 7}, (422, "request_invalid")),
        ({"surprise": 1}, (422, "request_invalid")),
        ({"attach": {"type": "user"}}, (422, "request_invalid")),
        ({"attach": {"type": "user", "id": 42}}, (422, "request_invalid")),
        ({"attach": {"type": "user", "id": ""}}, (422, "request_invalid")),
        ({"attach": {"type": "user", "id": "a\x00b"}}, (422, "request_invalid")),
        ({"attach": {"type": "user", "id": "42", "more": 1}}, (422, "request_invalid")),
        ({"owner": ""}, (422, "request_invalid")),
        ({"owner": "\x00"}, (422, "request_invalid")),
        ({"checksum": "abc"}, (422, "request_invalid")),
        ({"checksum": {"algorithm": "md5", "value": "4waSgw=="}}, (422, "request_invalid")),
        ({"checksum": {"algorithm": "crc32c", "value": "4waSgw"}}, (422, "request_invalid")),
        ({"checksum": {"algorithm": "crc32c", "value": "4waSgx=="}}, (422, "request_invalid")),
        ({"checksum": {"algorithm": "sha256", "value": "4waSgw=="}}, (422, "request_invalid")),
        ({"checksum": {"algorithm": "crc32c", "value": "4waSgw==\n"}}, (422, "request_invalid")),
    ],
    ids=lambda case: repr(case)[:60],
)
def test_a_request_that_cannot_be_is_refused(api: Any, changes: dict[str, Any], expected: tuple[int, str]):
    assert code(api.http.post("/v1/images", json=IMAGE | changes)) == expected


@pytest.mark.parametrize("name", ["kind", "filename", "size"])
def test_a_request_says_what_it_lacks(api: Any, name: str):
    answer = api.http.post("/v1/images", json={key: value for key, value in IMAGE.items() if key != name})

    assert code(answer) == (422, "request_invalid")
    assert name in answer.json()["detail"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"photo"',
        b"42",
        b"\xff\xfe\x00",
        b"kind=photo&size=1",
        b"<kind>photo</kind>",
        b'{"kind": "photo", "filename": "\\ud800", "size": 1}',
        b'{"kind": "photo", "filename": "p", "size": NaN}',
        b'{"kind": "photo", "filename": "p", "size": 1e999}',
        b'{"kind": "photo", "filename": "p", "size": 1} {}',
        b'{"kind": "\xc3\x28", "filename": "p", "size": 1}',
        b"[" * 30_000,
        b'{"a":' * 10_000,
    ],
    ids=lambda body: repr(body)[:70],
)
@pytest.mark.parametrize("content_type", ["application/json", "text/plain", None])
def test_json_that_is_none_is_refused(api: Any, body: bytes, content_type: str | None):
    headers = {"content-type": content_type} if content_type else {}

    answer = api.http.post("/v1/images", content=body, headers=headers)

    assert code(answer) == (422, "request_invalid")
    assert len(answer.content) < 2000


def test_a_body_over_64_kb_is_refused_however_it_comes(api: Any):
    large = json.dumps(IMAGE | {"filename": "x" * 70_000}).encode()

    whole = api.http.post("/v1/images", content=large)
    in_pieces = api.http.post("/v1/images", content=iter([large[:40_000], large[40_000:]]))

    assert code(whole) == code(in_pieces) == (413, "request_too_large")


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("n" * 4096 + ".jpg", "n" * 251 + ".jpg"),
        ("../../../etc/passwd", "passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        ("a\r\nSet-Cookie: x=1.jpg", "aSet-Cookie: x=1.jpg"),
        ("evil\u202egpj.exe", "evilgpj.exe"),
        ("\x00\x01\x7f", "image"),
        ("", "image"),
        ("..", "image"),
        ("<img src=x onerror=alert(1)>.jpg", "<img src=x onerror=alert(1)>.jpg"),
        ("\U0001f600" * 100 + ".png", "\U0001f600" * 62 + ".png"),
        ("'; DROP TABLE image; --", "'; DROP TABLE image; --"),
    ],
    ids=lambda text: repr(text)[:30],
)
def test_a_name_is_cleaned_and_leads_nowhere(api: Any, given: str, shown: str):
    requested = api.request(b"x" * 10, filename=given)

    report = api.http.get(f"/v1/images/{requested['id']}").json()

    assert report["filename"] == shown
    assert urlsplit(requested["upload"]["url"]).path.rpartition("/")[2] == f"{requested['id']}.1"


# 2 UPLOAD


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"x" * 1001, (413, "body_too_long")),
        (b"x" * 999, (400, "body_too_short")),
        (b"", (400, "body_too_short")),
        (b"x" * 3_000_000, (413, "body_too_long")),
    ],
    ids=len,
)
def test_more_or_fewer_bytes_than_declared_are_refused(api: Any, content: bytes, expected: tuple[int, str]):
    requested = api.request(b"x" * 1000)

    with_length = api.upload(requested["upload"], content)
    in_pieces = httpx.put(requested["upload"]["url"], content=iter([content]), headers=requested["upload"]["headers"])
    confirmed = api.confirm(requested["id"])

    assert code(with_length) == code(in_pieces) == expected
    assert code(confirmed) == (409, "nothing_uploaded")


def test_an_upload_that_breaks_off_leaves_nothing_and_can_be_sent_again(api: Any, file: bytes, eventually: Any):
    requested = api.request(file)
    url = urlsplit(requested["upload"]["url"])
    with socket.create_connection((url.hostname, url.port)) as line:
        head = f"PUT {url.path}?{url.query} HTTP/1.1\r\nhost: x\r\ncontent-length: {len(file)}\r\n\r\n"
        line.sendall(head.encode() + file[:1000])
    eventually(lambda: not list((api.server.data / "store/tmp").iterdir()))

    again = api.upload(requested["upload"], file)

    assert again.status_code == 201
    assert api.confirm(requested["id"]).status_code == 202
    assert api.final(requested["id"])["status"] == "ready"


def test_an_upload_that_stalls_is_ended(api: Any, file: bytes):
    requested = api.request(file)
    url = urlsplit(requested["upload"]["url"])
    with socket.create_connection((url.hostname, url.port), timeout=20) as line:
        head = f"PUT {url.path}?{url.query} HTTP/1.1\r\nhost: x\r\ncontent-length: {len(file)}\r\n\r\n"
        line.sendall(head.encode() + file[:10])
        answer = b"".join(iter(lambda: line.recv(65536), b""))

    assert answer.startswith(b"HTTP/1.1 408")
    assert b"upload_too_slow" in answer


def test_a_url_is_written_once(api: Any, file: bytes):
    requested = api.request(file)

    answers = [api.upload(requested["upload"], file) for _ in range(2)]

    assert answers[0].status_code == 201
    assert code(answers[1]) == (412, "already_written")


def _altered(url: str) -> str:
    return url[:-1] + ("A" if url[-1] != "A" else "B")


def _of_another_image(url: str) -> str:
    path, _, token = url.partition("?")
    return f"{path[:-34]}{'0' * 32}.1?{token}"


@pytest.mark.parametrize(
    "spoil",
    [
        _altered,
        _of_another_image,
        lambda url: url.partition("?")[0],
        lambda url: url + "&token=v1.a.b.c",
        lambda url: url.replace(".1?", ".2?"),
        lambda url: url.replace("token=", "read_token="),
        lambda url: url.partition("=")[0] + "=" + "x" * 5000,
    ],
    ids=["altered", "another image", "none", "two", "another attempt", "another name", "long"],
)
def test_a_wrong_or_altered_url_takes_nothing(api: Any, file: bytes, spoil: Callable[[str], str]):
    requested = api.request(file)
    spoilt = requested["upload"] | {"url": spoil(requested["upload"]["url"])}

    assert code(api.upload(spoilt, file)) == (403, "token_invalid")


def test_an_expired_url_takes_nothing_and_a_fresh_one_does(api: Any, file: bytes, eventually: Any):
    requested = api.request(file)

    eventually(lambda: api.upload(requested["upload"], file[:-1]).status_code == 403)
    expired = api.upload(requested["upload"], file)
    fresh = api.http.post(f"/v1/images/{requested['id']}/upload").json()["upload"]
    written = api.upload(fresh, file)

    assert code(expired) == (403, "token_expired")
    assert written.status_code == 201


def test_a_read_token_is_no_upload_url(api: Any, file: bytes):
    requested = api.request(file)
    url = requested["upload"]["url"].partition("=")[0] + "=" + requested["read_token"]

    assert code(api.upload(requested["upload"] | {"url": url}, file)) == (403, "token_invalid")


def test_another_type_than_was_declared_is_refused(api: Any, file: bytes):
    requested = api.request(file)
    wrong = requested["upload"] | {"headers": {"content-type": "text/html"}}

    assert code(api.upload(wrong, file)) == (415, "type_not_accepted")


def test_fresh_urls_have_an_end(api: Any, file: bytes):
    requested = api.request(file)

    answers = [api.http.post(f"/v1/images/{requested['id']}/upload") for _ in range(3)]

    assert [answer.status_code for answer in answers[:2]] == [200, 200]
    assert code(answers[2]) == (409, "too_many_attempts")


# 3 CONFIRM


def test_nothing_can_be_confirmed_before_it_came(api: Any, file: bytes):
    requested = api.request(file)

    assert code(api.confirm(requested["id"])) == (409, "nothing_uploaded")


def test_what_expired_cannot_be_confirmed_any_more(api: Any, file: bytes, eventually: Any):
    requested = api.request(file)

    eventually(lambda: api.http.get(f"/v1/images/{requested['id']}").json()["status"] == "expired")

    assert code(api.confirm(requested["id"], requested["write_token"])) == (410, "image_gone")
    assert code(api.http.post(f"/v1/images/{requested['id']}/upload")) == (410, "image_gone")


def test_what_came_and_was_never_confirmed_becomes_ready_all_the_same(api: Any, file: bytes, eventually: Any):
    requested = api.request(file)
    api.upload(requested["upload"], file)

    eventually(lambda: api.http.get(f"/v1/images/{requested['id']}").json()["status"] == "ready")


# 4 PROCESS


@pytest.mark.parametrize("name", A_FEW)
def test_a_file_that_cannot_be_shown_is_rejected_with_a_sentence_for_its_user(api: Any, name: str):
    hostile = HOSTILE[name]

    requested = api.uploaded(hostile.content, content_type="", filename=name)
    report = api.final(requested["id"])

    assert report["status"] == "rejected"
    assert Reason(report["error"]["code"]) in hostile.expected
    assert report["error"] == {
        "code": report["error"]["code"],
        "message": SENTENCES[Reason(report["error"]["code"])],
        "retryable": False,
    }
    assert (report["variants"], report["progress"]) == ({}, 0.0)
    assert code(api.http.get(f"/v1/images/{requested['id']}/variants/thumb")) == (410, "image_gone")


def test_a_kind_takes_only_the_types_that_it_accepts_whatever_was_declared(api: Any):
    tiff = corpus.save(corpus.picture(), "TIFF")

    requested = api.uploaded(tiff, content_type="image/jpeg")

    assert api.final(requested["id"])["error"]["code"] == "type_not_accepted"


def test_an_image_whose_sandbox_is_killed_in_the_middle_is_ready_in_the_end(api: Any, photo: Path):
    requested = api.uploaded(photo.read_bytes())

    killed = _kill_zygotes(api.server)
    report = api.final(requested["id"])

    assert killed > 0
    assert report["status"] == "ready"


def _kill_zygotes(server: Server) -> int:
    """Kill every child of the server, and return how many there were. Each slot has one, which makes the others."""
    children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
    for child in children:
        with suppress(ProcessLookupError):
            os.kill(int(child), signal.SIGKILL)
    return len(children)


# Afterwards


def test_a_full_disk_is_said_and_leaves_no_record(start_server: Callable[..., Server], call_as_application: Any):
    server = start_server(min_free_bytes=str(10**18))
    with call_as_application(server) as api:
        requested = api.http.post("/v1/images", json=IMAGE)
        ready = api.http.get("/readyz")

        assert code(requested) == code(ready) == (507, "disk_full")
        assert requested.headers["retry-after"]
        assert requested.json()["retryable"] is True
        assert api.http.get("/v1/images").json()["images"] == []


def test_nothing_is_left_behind(api: Any, file: bytes):
    """Neither of these nor of what the other tests sent: on disk is what ready images need, and nothing else."""
    rejected = api.uploaded(HOSTILE["page.jpg"].content)
    short = api.request(file)
    api.upload(short["upload"], file[:-1])
    cancelled = api.request(file)
    api.upload(cancelled["upload"], file)
    api.http.delete(f"/v1/images/{cancelled['id']}")
    deleted = api.uploaded(file)
    api.final(deleted["id"])
    api.http.delete(f"/v1/images/{deleted['id']}")
    ready = api.uploaded(file)
    api.final(ready["id"])

    deadline = time.monotonic() + 60
    while (left := _left(api.server)) and time.monotonic() < deadline:
        time.sleep(0.2)

    assert left == {}
    assert _states(api.server, rejected, short, cancelled, deleted, ready) == [
        "rejected",
        "expired",
        "deleted",
        "deleted",
        "ready",
    ]


def _states(server: Server, *requested: dict[str, Any]) -> list[str]:
    found = dict(_rows(server, "SELECT id, state FROM image"))
    return [found[one["id"]] for one in requested]


def _left(server: Server) -> dict[str, list[Any]]:
    """Return all that should not be there: files and rows."""
    originals = {f"{image_id}/original" for (image_id,) in _rows(server, "SELECT id FROM image WHERE state = 'ready'")}
    renditions = {
        f"{image_id}/{variant}-{fingerprint}-{width}.{ {'jpeg': 'jpg'}.get(fmt, fmt) }"
        for image_id, variant, fingerprint, width, fmt in _rows(
            server, "SELECT image_id, variant, fingerprint, width, format FROM rendition"
        )
    }
    files = {"/".join(path.parts[-2:]) for path in server.stored()}
    left = {
        "files": sorted(files - originals - renditions),
        "lost": sorted((originals | renditions) - files),
        "open": _rows(server, "SELECT id, state FROM image WHERE state IN ('requested', 'uploaded', 'processing')"),
        "unpurged": _rows(
            server, "SELECT id, state FROM image WHERE state NOT IN ('ready', 'failed') AND purged_at IS NULL"
        ),
        "renditions": _rows(
            server,
            "SELECT image_id FROM rendition JOIN image ON image.id = image_id WHERE state IN ('rejected', 'deleted')",
        ),
    }
    return {name: some for name, some in left.items() if some}


def _rows(server: Server, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(f"file:{server.data}/safelight.db?mode=ro", uri=True)) as database:
        return database.execute(query).fetchall()
