"""Reading request bodies that may never end, come too slowly, or not come at all."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from safelight.domain.errors import BodyTooShort, RequestInvalid, RequestTooLarge, UploadTooSlow
from safelight.http.asgi import App, Exchange, Message, Receive, Scope, Send, content_length, encode
from safelight.http.problems import Problem, problem
from safelight.http.request_id import request_id_of

DRAINED_SECONDS = 5.0
DRAINED_BYTES = 32 << 20
SILENT_SECONDS = 1.0
"""How long and how much a refused body is still read, and how long it may pause, until the client hears the answer."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a body must come: `least_rate` bytes per second on average after `grace`, all of it within `total`."""

    total: timedelta
    grace: timedelta
    least_rate: int

    def seconds_for(self, received: int) -> float:
        """Return when, in seconds from the start, more than `received` bytes must be there."""
        return min(self.total.total_seconds(), self.grace.total_seconds() + received / self.least_rate)


async def paced(receive: Receive, pace: Pace, *, declared_bytes: int) -> AsyncIterator[bytes]:
    """Yield the pieces of a request's body. Raises UploadTooSlow, and BodyTooShort where the client goes away."""
    started = asyncio.get_running_loop().time()
    received, more = 0, True
    while more:
        try:
            async with asyncio.timeout_at(started + pace.seconds_for(received)):
                message = await receive()
        except TimeoutError:
            raise UploadTooSlow from None
        if message["type"] == "http.disconnect":
            raise BodyTooShort(received=received, declared=declared_bytes)
        more = message.get("more_body", False)
        if body := message.get("body", b""):
            received += len(body)
            yield body


async def refuse(exchange: Exchange, said: Problem) -> None:
    """Answer while a body may still be coming, so that the client gets to see it, and close the connection.

    Closing with unread bytes would reset the connection and destroy the answer on its way. So the answer goes out
    whole, what still comes is dropped for a moment, and only then does the answer end.
    """
    headers = {"connection": "close", "content-length": str(len(said.body))} | said.headers
    await exchange.send({"type": "http.response.start", "status": said.status, "headers": encode(headers)})
    await exchange.send({"type": "http.response.body", "body": said.body, "more_body": True})
    with suppress(TimeoutError):
        async with asyncio.timeout(DRAINED_SECONDS):
            await _drain(exchange)
    await exchange.send({"type": "http.response.body", "body": b""})


async def _drain(exchange: Exchange) -> None:
    dropped = 0
    while not exchange.body_ended and dropped < DRAINED_BYTES:
        async with asyncio.timeout(SILENT_SECONDS):
            message = await exchange.receive()
        dropped += len(message.get("body", b""))


def limit_body(app: App, *, max_bytes: int, timeout: timedelta) -> App:
    """Return `app` behind a wall that lets only whole, small bodies through.

    A body over `max_bytes` is answered with 413, however it is framed, and one that stalls for `timeout` with 408;
    the application sees neither.
    """

    async def limited(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not _has_body(scope):
            await app(scope, receive, send)
            return
        exchange = Exchange(receive, send)
        try:
            body = await _whole(scope, exchange.receive, max_bytes=max_bytes, within=timeout)
        except (RequestInvalid, RequestTooLarge, UploadTooSlow) as error:
            await refuse(exchange, problem(error, request_id=request_id_of(scope)))
        else:
            if body is not None:
                await app(scope, _replay(body, receive), send)

    return limited


def _has_body(scope: Scope) -> bool:
    return any(name in {b"content-length", b"transfer-encoding"} for name, _ in scope["headers"])


async def _whole(scope: Scope, receive: Receive, *, max_bytes: int, within: timedelta) -> bytes | None:
    """Return the body, or None where the client went away. Raises RequestInvalid, RequestTooLarge, UploadTooSlow."""
    declared = content_length(scope) or 0
    if declared > max_bytes:
        raise RequestTooLarge(allowed=max_bytes)
    body = bytearray()
    try:
        async for piece in paced(receive, Pace(within, within, least_rate=1), declared_bytes=declared):
            body += piece
            if len(body) > max_bytes:
                raise RequestTooLarge(allowed=max_bytes)
    except BodyTooShort:
        return None
    return bytes(body)


def _replay(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that gives the body in one piece, and then what really comes."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replayed() -> Message:
        return waiting.pop() if waiting else await receive()

    return replayed
