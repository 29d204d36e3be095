"""Small bodies in front of the API: only whole and small ones come through."""

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest

from safelight.http.asgi import answer
from safelight.http.body import Pace, limit_body

SHORT = timedelta(milliseconds=30)


async def echo(scope: Any, receive: Any, send: Any) -> None:  # noqa: ARG001 - the shape of an ASGI application
    message = await receive()
    await answer(send, 200, {}, message["body"])


async def call(*pieces: bytes, headers: dict[str, str], stalls: bool = False) -> tuple[int, bytes]:
    """Send the pieces through the wall; return status and body."""
    coming = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    if coming and not stalls:
        coming[-1]["more_body"] = False
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if not coming and stalls and not sent:
            await asyncio.Event().wait()
        return coming.pop(0) if coming else {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {"type": "http", "headers": [(name.encode(), value.encode()) for name, value in headers.items()]}
    await limit_body(echo, max_bytes=10, timeout=SHORT)(scope, receive, send)
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:])


CHUNKED = {"transfer-encoding": "chunked"}


async def test_a_small_body_comes_through_in_one_piece():
    assert await call(b"01234", b"56789", headers=CHUNKED) == (200, b"0123456789")


async def test_a_request_without_a_body_comes_through():
    assert await call(b"", headers={}) == (200, b"")


@pytest.mark.parametrize("headers", [{"content-length": "11"}, CHUNKED], ids=["declared", "counted"])
async def test_a_large_body_is_refused_however_it_is_framed(headers: dict[str, str]):
    status, body = await call(b"01234", b"567890", headers=headers)

    assert (status, json.loads(body)["code"]) == (413, "request_too_large")


async def test_a_body_that_stalls_is_not_waited_for():
    status, body = await call(b"01234", headers=CHUNKED, stalls=True)

    assert (status, json.loads(body)["code"]) == (408, "upload_too_slow")


def test_the_least_rate_holds_after_the_grace_and_up_to_the_total():
    pace = Pace(total=timedelta(seconds=100), grace=timedelta(seconds=10), least_rate=1000)

    assert [pace.seconds_for(received) for received in (0, 5000, 1_000_000)] == [10, 15, 100]
