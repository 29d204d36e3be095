"""Calls that are cut off are answered, so that their callers ask again."""

import asyncio
import json
from typing import Any

import pytest

from safelight.http.asgi import App, Message, Receive, Scope, Send
from safelight.http.cut_off import answering_cut_off


class Call:
    """One call of an application, and what was answered."""

    def __init__(self, app: App) -> None:
        self.sent: list[Message] = []
        self.task = asyncio.create_task(self._run(app))

    async def _run(self, app: App) -> None:
        scope: Any = {"type": "http", "state": {"request_id": "the-call"}}
        await app(scope, self._receive, self._send)

    async def _receive(self) -> Message:
        return {"type": "http.request", "body": b""}

    async def _send(self, message: Message) -> None:
        self.sent.append(message)


async def test_a_call_that_waits_is_told_to_ask_again() -> None:
    waits = asyncio.Event()

    async def long_poll(_scope: Scope, _receive: Receive, _send: Send) -> None:
        waits.set()
        await asyncio.Event().wait()

    call = Call(answering_cut_off(long_poll))
    await waits.wait()
    call.task.cancel()
    await call.task

    start, body = call.sent
    said = json.loads(body["body"])
    assert start["status"] == 503
    assert dict(start["headers"])[b"retry-after"]
    assert (said["code"], said["retryable"], said["request_id"]) == ("busy", True, "the-call")


async def test_an_answer_that_has_begun_is_cut_off() -> None:
    waits = asyncio.Event()

    async def stream(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        waits.set()
        await asyncio.Event().wait()

    call = Call(answering_cut_off(stream))
    await waits.wait()
    call.task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await call.task
    assert [message["type"] for message in call.sent] == ["http.response.start"]
