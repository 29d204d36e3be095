"""Every request has an id, and its answer and its log lines name it."""

from typing import Any

import pytest
import structlog

from safelight.http.request_id import request_id_of, with_request_id


async def exchange(*headers: tuple[bytes, bytes], kind: str = "http") -> dict[str, Any]:
    """Return what an application behind the wrapper saw, and what its caller got."""
    seen: dict[str, Any] = {}

    async def app(scope: Any, _receive: Any, send: Any) -> None:
        seen["id"] = request_id_of(scope)
        seen["logged"] = structlog.contextvars.get_contextvars().get("request_id")
        await send({"type": "http.response.start", "status": 200, "headers": ((b"etag", b"x"),)})
        await send({"type": "http.response.body", "body": b""})

    async def send(message: Any) -> None:
        seen.setdefault("sent", []).append(message)

    async def receive() -> Any:
        raise AssertionError("nobody reads")

    identified = with_request_id(app, new_id=lambda: "new-1")
    await identified({"type": kind, "headers": list(headers)}, receive, send)
    return seen


async def test_a_request_without_an_id_gets_a_new_one():
    seen = await exchange()

    assert seen["id"] == seen["logged"] == "new-1"
    assert seen["sent"][0]["headers"] == [(b"etag", b"x"), (b"x-request-id", b"new-1")]


async def test_a_plain_word_of_the_caller_is_kept():
    seen = await exchange((b"x-request-id", b"Proxy_7.a-b"))

    assert seen["id"] == "Proxy_7.a-b"


@pytest.mark.parametrize("given", [b"", b"a b", b"a\nb", b"x" * 65, b"\xe9", b'"', b"a;b"])
async def test_anything_else_of_the_caller_is_not(given: bytes):
    seen = await exchange((b"x-request-id", given))

    assert seen["id"] == "new-1"


async def test_the_id_ends_with_the_request():
    await exchange()

    assert "request_id" not in structlog.contextvars.get_contextvars()


async def test_what_is_no_request_has_none():
    seen = await exchange(kind="lifespan")

    assert seen["id"] is None
    assert request_id_of({}) is None
