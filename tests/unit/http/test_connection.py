"""Connections: deadlines and caps, by raw sockets against a real server."""

import asyncio
import select
import socket
from collections.abc import Iterator
from datetime import timedelta
from queue import SimpleQueue
from threading import Thread
from typing import Any

import pytest
import uvloop

from safelight.http.asgi import answer
from safelight.http.connection import Limits, connection
from safelight.testing.serving import serving

pytestmark = pytest.mark.enable_socket

SHORT = timedelta(milliseconds=200)
LIMITS = Limits(header_timeout=SHORT, max_header_bytes=8192, max_connections=5, grace=SHORT, least_rate=10_000_000)
PATIENT_SECONDS = 10
HEAD = b"GET / HTTP/1.1\r\nHost: x\r\n"
ENDLESS_BYTES = 20_000_000


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Answer with the length of the body, at `/large` with much, and at `/hasty` before the body has come."""
    if scope["path"] == "/large":
        await answer(send, 200, {}, b"x" * ENDLESS_BYTES)
        return
    length, more = 0, scope["path"] != "/hasty"
    while more:
        message = await receive()
        more = message.get("more_body", False)
        length += len(message.get("body", b""))
    await answer(send, 200, {}, str(length).encode())


async def held(started: "SimpleQueue[tuple[int, asyncio.AbstractEventLoop, asyncio.Event]]") -> None:
    async with serving(echo, http=connection(LIMITS)) as port:
        stop = asyncio.Event()
        started.put((port, asyncio.get_running_loop(), stop))
        await stop.wait()


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def port(request: pytest.FixtureRequest) -> Iterator[int]:
    """Serve in a thread of its own, on both loops: production runs on uvloop."""
    started: SimpleQueue[tuple[int, asyncio.AbstractEventLoop, asyncio.Event]] = SimpleQueue()

    def serve() -> None:
        with asyncio.Runner(loop_factory=request.param) as runner:
            runner.run(held(started))

    thread = Thread(target=serve)
    thread.start()
    port, loop, stop = started.get(timeout=PATIENT_SECONDS)
    yield port
    loop.call_soon_threadsafe(stop.set)
    thread.join()


async def said(port: int, *pieces: bytes) -> bytes:
    """Send the pieces and return everything that comes until the server closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        return await asyncio.wait_for(reader.read(), PATIENT_SECONDS)
    finally:
        writer.transport.abort()


def status(answered: bytes) -> int:
    return int(answered.split(b" ", 2)[1])


async def test_a_request_is_answered(port: int):
    answered = await said(port, HEAD + b"Connection: close\r\nContent-Length: 3\r\n\r\nabc")

    assert status(answered) == 200
    assert answered.endswith(b"\r\n\r\n3")


async def test_a_connection_that_asks_nothing_is_closed(port: int):
    assert await said(port) == b""


@pytest.mark.parametrize("start", [HEAD, b"G", b"\r\n"], ids=["half a head", "one letter", "blank lines"])
async def test_a_head_that_does_not_come_is_not_waited_for(port: int, start: bytes):
    assert status(await said(port, start)) == 408


async def test_a_head_that_drips_is_not_waited_for(port: int):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(HEAD)

    async def drip() -> None:
        while True:
            writer.write(b"X-Drip: 1\r\n")
            await asyncio.sleep(0.02)

    dripping = asyncio.create_task(drip())
    answered = await asyncio.wait_for(reader.read(), PATIENT_SECONDS)
    dripping.cancel()
    writer.transport.abort()

    assert status(answered) == 408


LARGE_HEADS = {
    "many lines": HEAD + b"X-Many: xxxxxxxxxxxxxxxxxxxxxxxx\r\n" * 600_000,
    "one line": HEAD + b"X-Long: " + b"x" * 20_000_000,
    "a long path": b"GET /" + b"x" * 20_000_000,
    "a whole head in one packet": HEAD + b"X-Long: " + b"x" * 9000 + b"\r\n\r\n",
}


@pytest.mark.parametrize("head", LARGE_HEADS.values(), ids=LARGE_HEADS)
async def test_a_head_that_does_not_end_is_cut_off(port: int, head: bytes):
    """Twenty megabytes were taken into memory without this."""
    assert status(await said(port, head)) == 431


async def test_a_trailer_that_does_not_end_is_cut_off(port: int):
    start = HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Trailer: "

    answered = await said(port, start, b"x" * 2_000_000)

    assert status(answered) == 431


async def test_a_long_body_is_no_long_head(port: int):
    body = b"x" * 1_000_000

    answered = await said(port, HEAD + b"Connection: close\r\nContent-Length: 1000000\r\n\r\n", body)

    assert answered.endswith(b"\r\n\r\n1000000")


async def test_what_is_no_http_is_answered_in_kind(port: int):
    answered = await said(port, b"\x16\x03\x01 what is this\r\n\r\n")

    assert status(answered) == 400
    assert b"application/problem+json" in answered


async def test_a_rest_of_a_body_that_nobody_reads_is_not_waited_for(port: int):
    answered = await said(port, b"POST /hasty HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc")

    assert status(answered) == 200


async def test_one_connection_too_many_is_sent_away(port: int):
    others = [await asyncio.open_connection("127.0.0.1", port) for _ in range(LIMITS.max_connections)]

    answered = await said(port)

    for _, writer in others:
        writer.transport.abort()
    assert status(answered) == 503


async def test_a_client_that_does_not_read_is_cut_off(port: int):
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
        waiting = select.poll()
        waiting.register(client, 0)

        seen = await asyncio.to_thread(waiting.poll, PATIENT_SECONDS * 1000)

    assert seen
    assert seen[0][1] & select.POLLERR


async def test_a_client_that_reads_slowly_but_steadily_gets_everything(port: int):
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
    writer.write(b"GET /large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    received = 0

    while piece := await reader.read(1 << 20):
        received += len(piece)
        await asyncio.sleep(0.002)
    writer.transport.abort()

    assert received > ENDLESS_BYTES
