"""What is tried again, and when."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from safelight_client.errors import ConnectionFailed
from safelight_client.exchange import Conversation, NoAnswer, Pause, Request, Response

RETRIED = frozenset({408, 429, 502, 503, 504})
"""Statuses that say "not now". Every call of this package may be repeated: see `Api`."""

RETRIED_WHEN_NAMED = frozenset({409, 507})
"""Asked again only where the server names a time to come back: another try of the same call is being answered still, or
the server is short of space and makes some. Any other conflict stays, and no other server makes space (RFC 4918)."""

MAX_DOUBLINGS = 30


@dataclass(frozen=True, slots=True)
class Retry:
    """How often a request is sent at most, and how long to wait in between, in seconds.

    The wait is `base` after the first try and doubles with each further one, up to `longest`. A `Retry-After` counts
    instead where the server names one; one above `longest` ends the trying.
    """

    tries: int = 5
    base: float = 0.5
    longest: float = 60.0
    on_wait: Callable[[str, float], None] | None = None
    """Called before each wait with why, as a sentence, and how long in seconds; from other threads, too."""

    def wait_s(self, tries: int, jitter: float) -> float:
        """Return the wait after so many tries. `jitter` (0 to 1) chooses a point in its upper half."""
        whole = min(self.longest, self.base * 2.0 ** min(tries - 1, MAX_DOUBLINGS))
        return whole * (1 + jitter) / 2


def ask(request: Request, retry: Retry, jitter: Callable[[], float]) -> Conversation[Response]:
    """Send a request until there is an answer that waiting will not change. Raises ConnectionFailed."""
    tries = 1
    while True:
        answer: Response | NoAnswer = yield request
        wait_s = _wait_s(answer, tries, retry, jitter)
        if wait_s is None:
            return _settled(answer, tries, host_of(request.url))
        if retry.on_wait:
            retry.on_wait(_why(answer, host_of(request.url)), wait_s)
        yield Pause(wait_s)
        tries += 1


def host_of(url: str) -> str:
    """Return the host and the port of a URL, which may be shown: what comes after them can be a signature."""
    try:
        return urlsplit(url).netloc.rpartition("@")[2] or "the server"
    except ValueError:
        return "the server"


def retry_after_s(response: Response) -> float | None:
    """Return what `Retry-After` says, in seconds: a number, or a moment by the server's own clock."""
    text = response.headers.get("retry-after", "").strip()
    if text.isdecimal():
        return float(text)
    try:
        wait = parsedate_to_datetime(text) - parsedate_to_datetime(response.headers.get("date", ""))
    except (ValueError, TypeError):
        return None
    return max(0.0, wait.total_seconds())


def _wait_s(answer: Response | NoAnswer, tries: int, retry: Retry, jitter: Callable[[], float]) -> float | None:
    """Return how long to wait before the next try, or None where there is to be none."""
    if tries >= retry.tries:
        return None
    if isinstance(answer, NoAnswer):
        return None if answer.useless else retry.wait_s(tries, jitter())
    named = retry_after_s(answer)
    if answer.status not in RETRIED and not (answer.status in RETRIED_WHEN_NAMED and named is not None):
        return None
    if named is None:
        return retry.wait_s(tries, jitter())
    return named if named <= retry.longest else None


def _why(answer: Response | NoAnswer, host: str) -> str:
    if isinstance(answer, NoAnswer):
        return f"No answer from {host} ({answer.reason})."
    return f"{host} answers {answer.status}."


def _settled(answer: Response | NoAnswer, tries: int, host: str) -> Response:
    if isinstance(answer, NoAnswer):
        raise ConnectionFailed(
            f"{_why(answer, host)} Check that address, and that it can be reached.", retryable=not answer.useless
        )
    return replace(answer, tries=tries)
