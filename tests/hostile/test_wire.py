"""What a client can do to the upload service on the wire: raw sockets against a real server, disk included."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest

from safelight.adapters.disk.object_store import DiskObjectStore
from safelight.adapters.disk.signer import DiskSigner
from safelight.adapters.rates import MemoryRates
from safelight.apps.uploads import uploads_app
from safelight.domain import keys
from safelight.domain.image import ImageId
from safelight.domain.keys import Key
from safelight.domain.tokens import Keyring, Tokens
from safelight.http.connection import Limits, connection
from safelight.settings import Settings
from safelight.testing.serving import serving

pytestmark = pytest.mark.enable_socket

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
PUBLIC = Key("public/0190aaaabbbbccccddddeeeeffff0123/thumb-0123456789abcdef-96.jpg")
SHORT = timedelta(milliseconds=300)
LIMITS = Limits(header_timeout=SHORT, max_header_bytes=8192, max_connections=60, grace=SHORT, least_rate=10_000_000)
READ_SECONDS = 10


class Noon:
    def now(self) -> datetime:
        return NOON


class Ids:
    def __init__(self) -> None:
        self._numbers = count(1)

    def new(self) -> str:
        return f"{next(self._numbers):032x}"


@dataclass
class Service:
    port: int
    root: Path
    signer: DiskSigner
    objects: DiskObjectStore
    ids: Ids

    def target(self, *, size: int) -> str:
        """Return path and query of a fresh upload URL."""
        key = keys.incoming(ImageId(self.ids.new()), NOON, 1)
        ends = NOON + timedelta(minutes=5)
        signed = self.signer.sign_upload(
            key, declared_bytes=size, content_type="image/jpeg", checksum=None, expires_at=ends, transport="put"
        )
        return signed.url

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def say(self, *pieces: bytes, then: Callable[[asyncio.StreamWriter], None] | None = None) -> bytes:
        """Send the pieces, and return everything that is answered until the connection ends."""
        reader, writer = await self.connect()
        try:
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
            if then:
                then(writer)
            return await asyncio.wait_for(reader.read(), READ_SECONDS)
        finally:
            writer.transport.abort()

    def files(self) -> list[Path]:
        return [path for path in self.root.rglob("*") if path.is_file()]


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    ring = Keyring({"a": b"a" * 32}, "a")
    tokens, ids = Tokens(lambda: ring), Ids()
    settings = Settings(_env_file=None, body_grace=SHORT, min_bytes_per_second=10_000_000, min_free_bytes=0)
    with ThreadPoolExecutor(4) as io:
        objects = DiskObjectStore(tmp_path, io=io)
        app = uploads_app(settings, tokens, objects, clock=Noon(), ids=ids, limiter=MemoryRates(refused=lambda _: None))
        async with serving(app, http=connection(LIMITS)) as port:
            signer = DiskSigner(tokens, uploads_url="", delivery_url="")
            yield Service(port, tmp_path, signer, objects, ids)


def put(target: str, *headers: str, body: bytes = b"") -> bytes:
    return "\r\n".join((f"PUT {target} HTTP/1.1", "Host: x", *headers, "", "")).encode() + body


def statuses(answered: bytes) -> list[int]:
    lines = [line for line in answered.split(b"\r\n") if b"HTTP/1.1 " in line]
    return [int(line.partition(b"HTTP/1.1 ")[2].split()[0]) for line in lines]


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what happens in another thread; the test's time-out ends it."""
    async with asyncio.timeout(READ_SECONDS):
        while not condition():  # noqa: ASYNC110 - the file system sends no events
            await asyncio.sleep(0.01)


async def test_a_whole_upload_is_answered(service: Service):
    target = service.target(size=5)

    answered = await service.say(put(target, "Content-Length: 5", "Connection: close", body=b"12345"))

    assert statuses(answered) == [201]
    assert [path.read_bytes() for path in service.files()] == [b"12345"]


async def test_of_fifty_uploads_to_one_url_exactly_one_wins(service: Service):
    target = service.target(size=5)
    requests = [put(target, "Content-Length: 5", "Connection: close", body=b"%05d" % n) for n in range(50)]

    answers = [statuses(answered) for answered in await asyncio.gather(*map(service.say, requests))]

    assert sorted(answers) == [[201]] + [[412]] * 49
    winner = answers.index([201])
    assert [path.read_bytes() for path in service.files()] == [b"%05d" % winner]


async def test_a_chunked_body_is_counted(service: Service):
    chunked = "Transfer-Encoding: chunked"

    right = await service.say(put(service.target(size=3), chunked, "Connection: close", body=b"3\r\nabc\r\n0\r\n\r\n"))
    longer = await service.say(put(service.target(size=2), chunked, body=b"3\r\nabc\r\n0\r\n\r\n"))
    shorter = await service.say(put(service.target(size=4), chunked, body=b"3\r\nabc\r\n0\r\n\r\n"))

    assert [statuses(answered) for answered in (right, longer, shorter)] == [[201], [413], [400]]
    assert len(service.files()) == 1


FRAMINGS = {
    "length and chunks": ("Content-Length: 3", "Transfer-Encoding: chunked"),
    "chunks and length": ("Transfer-Encoding: chunked", "Content-Length: 3"),
    "two lengths": ("Content-Length: 3", "Content-Length: 4"),
    "signed length": ("Content-Length: +3",),
    "negative length": ("Content-Length: -3",),
    "space before colon": ("Content-Length : 3",),
    "bare line feed": ("Content-Length: 3\nX: y",),
    "null byte": ("X: \x00", "Content-Length: 3"),
}


@pytest.mark.parametrize("headers", FRAMINGS.values(), ids=FRAMINGS)
async def test_a_request_of_two_meanings_is_refused(service: Service, headers: tuple[str, ...]):
    answered = await service.say(
        put(service.target(size=3), *headers, body=b"abc"), then=asyncio.StreamWriter.write_eof
    )

    assert statuses(answered) in ([400], [])
    assert service.files() == []


async def test_a_client_that_breaks_off_leaves_nothing(service: Service):
    target = service.target(size=10_000_000)
    _, writer = await service.connect()
    writer.write(put(target, "Content-Length: 10000000", body=b"x" * 600_000))
    await writer.drain()
    await until(lambda: bool(service.files()))

    writer.transport.abort()

    await until(lambda: not service.files())


async def test_a_client_that_ends_early_leaves_nothing(service: Service):
    request = put(service.target(size=10), "Content-Length: 10", body=b"12345")

    await service.say(request, then=asyncio.StreamWriter.write_eof)

    await until(lambda: not service.files())


async def test_a_body_that_stalls_is_ended_and_leaves_nothing(service: Service):
    answered = await service.say(put(service.target(size=10), "Content-Length: 10", body=b"12345"))

    assert statuses(answered) == [408]
    assert service.files() == []


async def test_a_refused_client_that_goes_on_sending_sees_the_answer(service: Service):
    forged = service.target(size=3_000_000) + "x"

    answered = await service.say(put(forged, "Content-Length: 3000000", body=b"x" * 3_000_000))

    assert statuses(answered) == [403]
    assert json.loads(answered.partition(b"\r\n\r\n")[2])["code"] == "token_invalid"


async def test_a_refused_client_that_waits_is_not_asked_for_the_body(service: Service):
    reader, writer = await service.connect()
    writer.write(put(service.target(size=5) + "x", "Content-Length: 5", "Expect: 100-continue"))

    line = await asyncio.wait_for(reader.readline(), READ_SECONDS)
    writer.transport.abort()

    assert b" 403 " in line


async def test_a_welcome_client_that_waits_is_asked_for_the_body(service: Service):
    reader, writer = await service.connect()
    writer.write(put(service.target(size=5), "Content-Length: 5", "Expect: 100-continue"))
    asked = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), READ_SECONDS)

    writer.write(b"12345")
    answered = await asyncio.wait_for(reader.readline(), READ_SECONDS)
    writer.transport.abort()

    assert statuses(asked) == [100]
    assert statuses(answered) == [201]


async def test_a_request_behind_a_body_is_answered_in_turn(service: Service):
    await service.objects.put(PUBLIC, b"shown", content_type="image/jpeg")
    upload = put(service.target(size=5), "Content-Length: 5", body=b"12345")
    download = f"GET /{PUBLIC} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()

    answered = await service.say(upload + download)

    assert statuses(answered) == [201, 200]
    assert answered.endswith(b"shown")


async def test_a_request_behind_a_refused_body_is_not_answered(service: Service):
    forged = put(service.target(size=5) + "x", "Content-Length: 5", body=b"12345")

    answered = await service.say(forged + forged)

    assert statuses(answered) == [403]


async def test_a_name_from_the_query_stays_one_header(service: Service):
    await service.objects.put(PUBLIC, b"shown", content_type="image/jpeg")
    name = "a%0D%0ASet-Cookie:%20x=1%0D%0A%0D%0Aevil%E2%80%AEgpj.exe%22;.jpg"

    answered = await service.say(
        f"GET /{PUBLIC}?download={name} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
    )

    head, _, body = answered.partition(b"\r\n\r\n")
    assert statuses(answered) == [200]
    assert body == b"shown"
    assert [line for line in head.split(b"\r\n") if line.lower().startswith(b"set-cookie")] == []
    assert b"\xe2\x80\xae" not in head
    assert b"%E2%80%AE" not in head
