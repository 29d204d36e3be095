"""What a conversation with the server is made of. No I/O happens here.

A conversation is a generator: it yields what it wants done (a request sent, a pause, some blocking work) and gets the
outcome back. The two clients carry that out, one waiting, one awaiting; all that they have in common is written once.
"""

import json
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from safelight_client.errors import InvalidAnswer


class Body(Protocol):
    """Bytes that are sent in pieces; they may be asked for again, from the start."""

    @property
    def size(self) -> int:
        """How many bytes there are."""
        ...

    def chunks(self) -> Iterator[bytes]:
        """Yield all of them, in pieces that are not empty. May block."""
        ...

    def sent(self, count: int) -> None:
        """Hear that so many more bytes were sent."""
        ...


@dataclass(frozen=True, slots=True)
class Request:
    """Send this. The answer is a Response, or NoAnswer."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes | Body = b""
    patience_s: float = 0.0
    """Time that the server may take before it answers, on top of the client's timeout."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait so long."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Work:
    """Do something that may block."""

    run: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Response:
    """An answer. Header names are in lower case; `tries` counts the requests that it took."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    tries: int = 1

    @property
    def ok(self) -> bool:
        """Whether the server did what it was asked for."""
        return 200 <= self.status < 300  # noqa: PLR2004 - RFC 9110, 15.3

    def document(self) -> dict[str, Any]:
        """Return the JSON object in the body. Raises InvalidAnswer."""
        try:
            document = json.loads(self.body)
        except ValueError:
            document = None
        if not isinstance(document, dict):
            raise InvalidAnswer(
                f"The answer ({self.status}) is no JSON object. Is this the address of a Safelight server?",
                status=self.status,
            )
        return document


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """The request got no answer. Where it could not even be tried, trying again is `useless`."""

    reason: str
    useless: bool = False


@dataclass(frozen=True, slots=True)
class Together:
    """Carry on several conversations, so many at once. Where one raises a SafelightError, no other begins.

    That error is the outcome, or None.
    """

    conversations: Sequence["Conversation[None]"]
    at_once: int


Command = Request | Pause | Work | Together
Result = TypeVar("Result")
Conversation = Generator[Command, Any, Result]
"""What comes back depends on the command: Response or NoAnswer for a Request, None for what ended well otherwise."""
