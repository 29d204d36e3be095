"""A small Safelight in memory that keeps to the wire, and both clients in front of it."""

import asyncio
import hashlib
import inspect
import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import httpx
import pytest

from safelight_client import AsyncClient, Client, Retry

API = "https://api.example"
STORAGE = "https://storage.example"
KEY = "sl_key"
AT = "2026-11-22T12:00:00Z"
FAST = Retry(tries=4, base=0.0)
MOST_SIGNED = 10
"""Parts that a server signs for at once, at the least that it can be set to."""

Outcome = httpx.Response | Exception | Callable[[httpx.Request], httpx.Response]


@dataclass
class Stored:
    """What the storage has under a key."""

    bytes: int
    sha256: str


@dataclass
class Record:
    """What the server knows of an image."""

    id: str
    order: dict[str, Any]
    states: list[str]
    attempt: int = 1
    revision: int = 1
    status: str = "requested"


@dataclass
class FakeServer:
    """Plays API and storage. `states` are what an image goes through after CONFIRM, one with each long poll.

    With `part_bytes` uploads come in parts of that size.
    """

    api: str = API
    storage: str = STORAGE
    states: tuple[str, ...] = ("processing", "ready")
    error: dict[str, Any] | None = None
    public: bool = True
    fields: dict[str, str] = field(default_factory=dict)
    part_bytes: int | None = None
    parts: dict[str, dict[int, bytes]] = field(default_factory=dict)
    records: dict[str, Record] = field(default_factory=dict)
    objects: dict[str, Stored] = field(default_factory=dict)
    replays: dict[str, httpx.Response] = field(default_factory=dict)
    requests: list[httpx.Request] = field(default_factory=list)
    planned: dict[str, list[Outcome]] = field(default_factory=dict)

    def plan(self, method: str, *outcomes: Outcome) -> None:
        """Let the next calls of that method end so: an answer, an error, or `self.lose` (done, but no answer)."""
        self.planned.setdefault(method, []).extend(outcomes)

    def lose(self, request: httpx.Request) -> httpx.Response:
        """Do what was asked for, and lose the answer."""
        self._serve(request)
        raise httpx.RemoteProtocolError("Server disconnected")

    def handle(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        self.requests.append(request)
        waiting = self.planned.get(request.method, [])
        outcome: Outcome = waiting.pop(0) if waiting else self._serve
        if isinstance(outcome, Exception):
            raise outcome
        return outcome if isinstance(outcome, httpx.Response) else outcome(request)

    def of(self, method: str, ending: str = "") -> list[httpx.Request]:
        """Return the requests of that method whose path ends so."""
        return [one for one in self.requests if one.method == method and one.url.path.endswith(ending)]

    def add(self, status: str = "ready", kind: str = "avatar") -> str:
        """Make an image that is there already; return its id."""
        image_id = f"{len(self.records) + 1:032x}"
        self.records[image_id] = Record(image_id, {"kind": kind, "filename": "cat.jpg"}, [], status=status)
        return image_id

    def write(self, path: str, token: str, size: int, sha256: str) -> httpx.Response:
        """Storage: take an object, once, and only as it was signed."""
        image_id, _, attempt = path.removeprefix("/incoming/").partition(".")
        record = self.records[image_id]
        if token != f"signed-{attempt}":
            return problem(403, "token_invalid")
        if path in self.objects:
            return problem(412, "already_written")
        if size != record.order["size"]:
            return problem(400, "body_too_short", retryable=True)
        self.objects[path] = Stored(size, sha256)
        return httpx.Response(201)

    def image(self, record: Record) -> dict[str, Any]:
        """Return an image as CHECK tells of it."""
        base = f"{self.api}/v1/images/{record.id}/variants/thumb"
        files = [
            {"format": fmt, "width": 96, "height": 96, "bytes": 3120, "url": f"{base}?width=96&format={fmt}"}
            for fmt in ("webp", "jpeg")
        ]
        return {
            "id": record.id,
            "kind": record.order["kind"],
            "status": record.status,
            "progress": {"processing": 0.5, "requested": 0.0, "uploaded": 0.0}.get(record.status, 1.0),
            "public": self.public,
            "attached_to": record.order.get("attach"),
            "filename": record.order["filename"],
            "content_type": "image/jpeg",
            "bytes": record.order.get("size"),
            "width": 4032,
            "height": 3024,
            "placeholder": "1QcSHQRnh493V4dIh4eXh1h4kJUI",
            "color": "#7a5b3c",
            "variants": {"thumb": {"url": base, "renditions": files}} if record.status == "ready" else {},
            "error": self.error if record.status in {"rejected", "failed"} else None,
            "created_at": AT,
            "ready_at": AT if record.status == "ready" else None,
        }

    def write_part(self, image_id: str, number: int, content: bytes) -> httpx.Response:
        """Storage: take a part, of the length that was signed; once all have come, they are the object."""
        if len(content) != self._bytes_of(self.records[image_id], number):
            return problem(403, "token_invalid")
        self.parts.setdefault(image_id, {})[number] = content
        return httpx.Response(200)

    def missing_parts(self, record: Record) -> list[int]:
        """Return the parts that have not come."""
        return [number for number in range(1, self._count(record) + 1) if number not in self.parts.get(record.id, {})]

    def _count(self, record: Record) -> int:
        return -(-record.order["size"] // (self.part_bytes or 1))

    def _bytes_of(self, record: Record, number: int) -> int:
        return min(self.part_bytes or 0, record.order["size"] - (number - 1) * (self.part_bytes or 0))

    def _serve(self, request: httpx.Request) -> httpx.Response:
        if str(request.url).startswith(f"{self.storage}/parts/"):
            return self.write_part(request.url.path.split("/")[2], int(request.url.params["number"]), request.read())
        if str(request.url).startswith(f"{self.storage}/incoming/"):
            content = request.read()
            if "form-data" in request.headers["content-type"]:
                content = content.split(b"\r\n\r\n")[-1].rpartition(b"\r\n--")[0]
            return self.write(
                request.url.path, request.url.params["token"], len(content), hashlib.sha256(content).hexdigest()
            )
        if str(request.url).startswith(f"{self.storage}/public/"):
            return httpx.Response(200, content=b"pixels")
        key = request.headers.get("idempotency-key", "")
        if key not in self.replays:
            answer = self._route(request)
            if not key:
                return answer
            self.replays[key] = answer
        return self.replays[key]

    def _route(self, request: httpx.Request) -> httpx.Response:
        parts = request.url.path.strip("/").split("/")
        match request.method, parts:
            case "POST", ["v1", "images"]:
                return self._requested(json.loads(request.content))
            case "GET", ["v1", "images"]:
                return self._page(request.url.params)
            case "GET", ["v1", "kinds", "avatar"]:
                return httpx.Response(200, json=KIND)
            case _, ["v1", "images", image_id, *rest] if image_id in self.records:
                return self._one(request, self.records[image_id], rest)
        return problem(404, "image_not_found")

    def _requested(self, order: dict[str, Any]) -> httpx.Response:
        record = Record(f"{len(self.records) + 1:032x}", order, list(self.states))
        self.records[record.id] = record
        tokens = {"write_token": f"write-{record.id}", "read_token": f"read-{record.id}"}
        upload = self._upload(record)
        return httpx.Response(
            201, json={"id": record.id, "status": "requested", "expires_at": AT, **tokens, "upload": upload}
        )

    def _upload(self, record: Record) -> dict[str, Any]:
        if self.part_bytes:
            url = f"{self.api}/v1/images/{record.id}/parts"
            divided = {"part_bytes": self.part_bytes, "parts": self._count(record)}
            common = {"transport": "multipart", "method": "POST", "url": url, "expires_at": AT}
            return {**common, "headers": {}, "fields": {}, **divided}
        return {
            "transport": "post" if self.fields else "put",
            "method": "POST" if self.fields else "PUT",
            "url": f"{self.storage}/incoming/{record.id}.{record.attempt}?token=signed-{record.attempt}",
            "headers": {} if self.fields else {"content-type": record.order["content_type"], "if-none-match": "*"},
            "fields": self.fields,
            "expires_at": AT,
        }

    def _one(self, request: httpx.Request, record: Record, rest: list[str]) -> httpx.Response:
        may_write = request.headers.get("authorization") in {f"Bearer write-{record.id}", f"Bearer {KEY}"}
        if (rest in (["confirm"], ["upload"], ["parts"]) or request.method == "DELETE") and not may_write:
            return problem(403, "not_allowed")
        match request.method, rest:
            case "POST", ["confirm"]:
                return self._confirmed(record)
            case "POST", ["upload"]:
                record.attempt += 1
                return httpx.Response(200, json={"upload": self._upload(record)})
            case "DELETE", []:
                del self.records[record.id]
                return httpx.Response(204)
            case "GET", ["variants", variant]:
                return httpx.Response(302, headers={"Location": f"{self.storage}/public/{record.id}/{variant}"})
        by_body = self._in_parts if rest == ["parts"] else self._decided
        return by_body(request, record, rest) or self._checked(request, record)

    def _in_parts(self, request: httpx.Request, record: Record, _rest: list[str]) -> httpx.Response:
        if request.method == "GET":
            return httpx.Response(200, json={"missing": self.missing_parts(record)})
        numbers = json.loads(request.content)["numbers"]
        if len(numbers) > MOST_SIGNED:
            return problem(422, "request_invalid")
        url = f"{self.storage}/parts/{record.id}"
        signed = [{"number": n, "bytes": self._bytes_of(record, n), "url": f"{url}?number={n}"} for n in numbers]
        return httpx.Response(200, json={"parts": signed, "expires_at": AT})

    def _confirmed(self, record: Record) -> httpx.Response:
        if self.part_bytes and not self.missing_parts(record):
            whole = b"".join(content for _, content in sorted(self.parts[record.id].items()))
            self.objects[f"/incoming/{record.id}.{record.attempt}"] = Stored(
                len(whole), hashlib.sha256(whole).hexdigest()
            )
        if f"/incoming/{record.id}.{record.attempt}" not in self.objects:
            return problem(409, "nothing_uploaded", retryable=True)
        if record.status == "requested":
            record.status = "uploaded"
            record.revision += 1
        return self._told(record, 202)

    def _decided(self, request: httpx.Request, record: Record, rest: list[str]) -> httpx.Response | None:
        if rest not in (["review"], ["visibility"]):
            return None
        wanted = json.loads(request.content)
        if "verdict" in wanted:
            record.status = {"approve": "ready", "reject": "rejected"}[wanted["verdict"]]
            return self._told(record, 200)
        self.public = wanted["public"]
        old_urls = [] if self.public else [f"{self.storage}/public/{record.id}/thumb"]
        return httpx.Response(200, json={"image": self.image(record), "note": "Purge.", "old_urls": old_urls})

    def _checked(self, request: httpx.Request, record: Record) -> httpx.Response:
        seen = request.headers.get("if-none-match")
        if "wait=" in request.headers.get("prefer", "") and record.states and seen in {None, f'"{record.revision}"'}:
            passed = record.states[:1] if seen else list(record.states)  # without an ETag, only the end is waited for
            del record.states[: len(passed)]
            record.status = passed[-1]
            record.revision += len(passed)
        return self._told(record, 200)

    def _told(self, record: Record, status: int) -> httpx.Response:
        headers = {"ETag": f'"{record.revision}"'}
        if record.status in {"requested", "uploaded", "processing"}:
            headers["Retry-After"] = "0"
        return httpx.Response(status, json=self.image(record), headers=headers)

    def _page(self, params: Mapping[str, str]) -> httpx.Response:
        fitting = [one for one in self.records.values() if params.get("kind") in {None, one.order["kind"]}]
        newest = sorted(fitting, key=lambda one: one.id, reverse=True)
        left = [one for one in newest if one.id < params.get("after", "~")]
        limit = int(params.get("limit", 2))
        following = left[limit - 1].id if len(left) > limit else None
        return httpx.Response(200, json={"images": [self.image(one) for one in left[:limit]], "next": following})


KIND = {
    "name": "avatar",
    "accept": ["jpeg", "png"],
    "content_types": ["image/jpeg", "image/png"],
    "max_bytes": 10_000_000,
    "max_pixels": 50_000_000,
    "max_frames": 300,
    "public": True,
    "variants": {"thumb": {"fit": "cover", "widths": [96], "height": 96, "formats": ["webp", "jpeg"]}},
}


def problem(status: int, code: str, **more: Any) -> httpx.Response:
    """Return a problem document as the server sends it."""
    body = {"type": "about:blank", "title": code, "status": status, "detail": f"Sentence of {code}.", "code": code}
    headers = {"Content-Type": "application/problem+json", "X-Request-ID": "req-1"}
    return httpx.Response(status, content=json.dumps({**body, **more}), headers=headers)


class Either:
    """One of the two clients; every method is awaited, so that a test is written once for both."""

    def __init__(self, client: Client | AsyncClient) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._client, name)

        async def call(*args: Any, **kwargs: Any) -> Any:
            if isinstance(self._client, Client):
                result = await asyncio.to_thread(method, *args, **kwargs)
                return list(result) if name == "list" else result
            result = method(*args, **kwargs)
            return [one async for one in result] if inspect.isasyncgen(result) else await result

        return call


@pytest.fixture
def server() -> FakeServer:
    return FakeServer()


@pytest.fixture(name="problem")
def problem_fixture() -> Callable[..., httpx.Response]:
    return problem


@pytest.fixture(params=["sync", "async"])
async def open_client(request: pytest.FixtureRequest) -> AsyncIterator[Callable[..., Either]]:
    """Yield what makes a client of either colour in front of a transport, or of the network."""
    opened: list[Either] = []

    def opening(base_url: str = API, **options: Any) -> Either:
        colour = Client if request.param == "sync" else AsyncClient
        opened.append(Either(colour(base_url, **{"api_key": KEY, "retry": FAST, **options})))
        return opened[-1]

    yield opening
    for client in opened:
        await client.close()


@pytest.fixture
def safelight(server: FakeServer, open_client: Callable[..., Either]) -> Either:
    """Return a client in front of the fake server."""
    return open_client(transport=httpx.MockTransport(server.handle))


@dataclass
class Loopback:
    """The fake server behind a real socket. The next `breaks` uploads are cut off halfway."""

    url: str
    server: FakeServer
    breaks: int = 0
    peak_read: int = 0


@pytest.fixture
def loopback() -> Iterator[Loopback]:
    """Yield the fake server on loopback; uploaded bytes are counted and hashed, not kept."""
    fake = FakeServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            size = int(self.headers.get("Content-Length", 0))
            url = httpx.URL(running.url + self.path)
            if self.command == "PUT" and running.breaks:
                running.breaks -= 1
                self.rfile.read(size // 2)
                self.close_connection = True
                return
            if self.command == "PUT" and "number" not in url.params:
                digest = hashlib.sha256()
                for start in range(0, size, 65_536):
                    digest.update(self.rfile.read(min(65_536, size - start)))
                answer = fake.write(url.path, url.params["token"], size, digest.hexdigest())
            else:
                content = self.rfile.read(size)
                answer = fake.handle(httpx.Request(self.command, url, headers=dict(self.headers), content=content))
            self.send_response(answer.status_code)
            for name, value in answer.headers.items():
                if name != "content-length":
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        do_GET = do_POST = do_PUT = do_DELETE = _answer  # noqa: N815 - the names that http.server calls

        def log_message(self, *_: object) -> None:
            """Keep the tests' output clean."""

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    fake.api = fake.storage = f"http://127.0.0.1:{listening.server_port}"
    running = Loopback(fake.api, fake)
    thread = Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield running
    listening.shutdown()
    thread.join()
    listening.server_close()
