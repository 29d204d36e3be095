"""Gives every request an id, which its answer, its errors and its log lines all name."""

import re
from collections.abc import Callable, Mapping
from typing import Any

import structlog

from safelight.http.asgi import App, Message, Receive, Scope, Send

HEADER = b"x-request-id"

_PLAIN_WORD = re.compile(rb"[A-Za-z0-9._-]{1,64}")
"""What callers and proxies may choose: nothing that could forge a log line."""


def with_request_id(app: App, *, new_id: Callable[[], str]) -> App:
    """Return `app`, told of an id for each request: the caller's own if it is a plain word, or else a new one.

    This belongs outermost, so that even what is refused before any route has an id.
    """

    async def identified(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        request_id = _given(scope) or new_id()
        scope.setdefault("state", {})["request_id"] = request_id

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (HEADER, request_id.encode())]
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            await app(scope, receive, send_with_id)

    return identified


def request_id_of(scope: Mapping[str, Any]) -> str | None:
    """Return the id of the request, or None where nobody gave it one."""
    request_id: str | None = scope.get("state", {}).get("request_id")
    return request_id


def _given(scope: Scope) -> str | None:
    given = next((value for name, value in scope["headers"] if name == HEADER), b"")
    return given.decode() if _PLAIN_WORD.fullmatch(given) else None
