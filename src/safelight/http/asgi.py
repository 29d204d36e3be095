"""The little of ASGI that the byte services need: types, and reading a request's head."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qsl

from safelight.domain.errors import RequestInvalid, TokenInvalid

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

MAX_QUERY_FIELDS = 16


def header(scope: Scope, name: str) -> str | None:
    """Return the value of a header, or None. Raises RequestInvalid where it was sent twice."""
    wanted = name.encode()
    values = [value for key, value in scope["headers"] if key == wanted]
    if len(values) > 1:
        raise RequestInvalid(reason=f"the header {name} was sent more than once")
    return values[0].decode("latin-1").strip() if values else None


def content_length(scope: Scope) -> int | None:
    """Return how many bytes the body is said to have, or None where nothing is said. Raises RequestInvalid."""
    declared = header(scope, "content-length")
    if declared is not None and not (declared.isascii() and declared.isdigit()):
        raise RequestInvalid(reason="Content-Length is no number")
    return None if declared is None else int(declared)


def query(scope: Scope, name: str) -> list[str]:
    """Return every value of a query parameter. Raises RequestInvalid."""
    try:
        fields = parse_qsl(
            scope["query_string"].decode("ascii"), keep_blank_values=True, max_num_fields=MAX_QUERY_FIELDS
        )
    except ValueError:
        raise RequestInvalid(reason="the query is malformed") from None
    return [value for key, value in fields if key == name]


def url_token(scope: Scope) -> str:
    """Return the URL's one token. Raises TokenInvalid where there is none, or several."""
    tokens = query(scope, "token")
    if len(tokens) != 1:
        raise TokenInvalid
    return tokens[0]


def encode(headers: dict[str, str]) -> Headers:
    """Return headers as ASGI wants them."""
    return [(name.lower().encode("ascii"), value.encode("latin-1")) for name, value in headers.items()]


class Exchange:
    """One request and its answer: passes messages on, and remembers how far both have come."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self.body_ended = False
        self.answer_begun = False

    async def receive(self) -> Message:
        """Return the next message of the request."""
        message = await self._receive()
        self.body_ended = not message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        """Send a message of the answer."""
        self.answer_begun = True
        await self._send(message)


async def answer(send: Send, status: int, headers: dict[str, str], body: bytes = b"") -> None:
    """Send a whole answer."""
    length = {} if status in {204, 304} else {"content-length": str(len(body))}
    await send({"type": "http.response.start", "status": status, "headers": encode(length | headers)})
    await send({"type": "http.response.body", "body": body})
