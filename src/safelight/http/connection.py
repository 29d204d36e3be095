"""Connections that cannot be held open for nothing: uvicorn's protocol with deadlines and caps, which it has none of.

- A request's head must come within `header_timeout` of its first byte, and the first byte of all as soon after the
  connection; it may have `max_header_bytes`.
- What remains of a body after its request was answered must come within `header_timeout` as well.
- Whoever reads an answer must, on average after `grace`, take `least_rate` bytes per second.
- There are at most `max_connections`.

Bodies have their own pace: see `body.py`.
"""

import asyncio
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Any, ClassVar, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from safelight.http.problems import http_problem

LINGER_SECONDS = 2.0
"""How long a refused client may go on sending before it is cut off; closing at once would destroy the answer."""

RESET_ON_CLOSE = struct.pack("ii", 1, 0)
"""`struct linger`: on, with no time at all (socket(7))."""

SEPARATORS = 4
"""Colon, blank and line end of a header line."""

DETAILS = {
    400: "This is not valid HTTP.",
    408: "The request's headers came too slowly.",
    431: "The request's headers are too large.",
    503: "There are too many connections. Try again later.",
}


@dataclass(frozen=True, slots=True)
class Limits:
    """What a connection may take: see the top of the module. `least_rate` is in bytes per second."""

    header_timeout: timedelta
    max_header_bytes: int
    max_connections: int
    grace: timedelta
    least_rate: int


def connection(limits: Limits) -> type[asyncio.Protocol]:
    """Return the class of connections with these limits: give it to uvicorn as `http`."""
    return type("Connection", (LimitedConnection,), {"limits": limits})


class HeadTooLargeError(Exception):
    """Stops the parser."""


class Deadline:
    """One thing that must happen in time, or `late` is called. It can be set again and again."""

    def __init__(self, loop: asyncio.AbstractEventLoop, late: Callable[[], None]) -> None:
        self._loop = loop
        self._late = late
        self._timer: asyncio.TimerHandle | None = None

    def set(self, seconds: float) -> None:
        """Begin to wait, unless that was done already."""
        if self._timer is None:
            self._timer = self._loop.call_later(seconds, self._fire)

    def met(self) -> None:
        """Wait no longer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _fire(self) -> None:
        self._timer = None
        self._late()


class LimitedConnection(HttpToolsProtocol):
    """One client's connection. Made by `connection`."""

    limits: ClassVar[Limits]

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """Begin to wait for a first head."""
        super().connection_made(transport)
        self._head = Deadline(self.loop, self._head_is_late)
        self._rest = Deadline(self.loop, transport.close)
        self._taking = Deadline(self.loop, self._cut_off)
        self._lingering = Deadline(self.loop, transport.abort)
        self._refused = False
        self._between_messages = True
        self._head_bytes = 0
        self._stray_bytes = 0
        if len(self.connections) > self.limits.max_connections:
            self._refuse(503)
        else:
            self._head.set(self._header_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        for deadline in (self._head, self._rest, self._taking, self._lingering):
            deadline.met()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes. Those that belong to no body so far are counted: they fill memory until a head is whole."""
        if self._refused:
            return
        if self._between_messages:
            self._head.set(self._header_seconds)
        self._stray_bytes += len(data)
        super().data_received(data)
        if self._stray_bytes > self.limits.max_header_bytes and not self._refused:
            self._refuse(431)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's text; ours is a problem document
        """Answer what the parser did not take."""
        self._refuse(431 if self._head_bytes > self.limits.max_header_bytes else 400)

    def on_message_begin(self) -> None:
        """Begin to count a head."""
        super().on_message_begin()
        self._head_bytes = 0

    def on_url(self, url: bytes) -> None:
        """Count a piece of the URL."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count a header, or a trailer."""
        self._count(len(name) + len(value) + SEPARATORS)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Note that the head is whole."""
        self._head.met()
        self._taking.met()
        self._between_messages = False
        self._stray_bytes = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Note that a piece of the body came."""
        self._stray_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Note that the request is whole."""
        self._rest.met()
        self._between_messages = True
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """See that the client takes the answer, and ends its own part."""
        super().on_response_complete()
        waiting = self.transport.get_write_buffer_size()
        if waiting:
            self._taking.set(self._seconds_to_take(waiting))
        if not self._between_messages and self.cycle.response_complete:
            self._rest.set(self._header_seconds)

    def pause_writing(self) -> None:
        """Begin to wait for a client that reads more slowly than we write."""
        super().pause_writing()
        self._taking.met()
        self._taking.set(self._seconds_to_take(self.transport.get_write_buffer_size()))

    def resume_writing(self) -> None:
        """Note that the client has caught up."""
        self._taking.met()
        super().resume_writing()

    @property
    def _unanswered(self) -> RequestResponseCycle | None:
        """The last request, where it is not answered yet."""
        cycle = cast("RequestResponseCycle | None", self.cycle)
        return cycle if cycle is not None and not cycle.response_complete else None

    @property
    def _header_seconds(self) -> float:
        return self.limits.header_timeout.total_seconds()

    def _seconds_to_take(self, waiting_bytes: int) -> float:
        return self.limits.grace.total_seconds() + waiting_bytes / self.limits.least_rate

    def _count(self, more: int) -> None:
        self._head_bytes += more
        if self._head_bytes > self.limits.max_header_bytes:
            raise HeadTooLargeError

    def _head_is_late(self) -> None:
        if self._unanswered:
            self._head.set(self._header_seconds)  # the answer to an earlier request is still on its way
        elif self._stray_bytes == 0:
            self.transport.close()  # nothing was asked, so there is nothing to answer
        else:
            self._refuse(408)

    def _cut_off(self) -> None:
        """End a connection whose client does not read. Without a reset the kernel would go on to hold its bytes."""
        self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        self.transport.abort()

    def _refuse(self, status: int) -> None:
        """Answer once, hear no more, and close when the client has had time to read."""
        self._refused = True
        self._head.met()
        cycle = self._unanswered
        if cycle:
            self._end(cycle)
        if cycle and cycle.response_started:
            self.transport.close()
            return
        self.transport.write(_raw_answer(status))
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._lingering.set(LINGER_SECONDS)

    def _end(self, cycle: RequestResponseCycle) -> None:
        """Let the application know that its request is over."""
        cycle.disconnected = True
        cycle.message_event.set()
        self.flow.resume_writing()
        self.flow.resume_reading()


def _raw_answer(status: int) -> bytes:
    """Return a whole answer, for want of an application that could give it."""
    said = http_problem(status, detail=DETAILS[status])
    headers: dict[str, Any] = said.headers | {"content-length": len(said.body), "connection": "close"}
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join((*lines, "", "")).encode("ascii") + said.body
