"""UPLOAD of a large file, in parts: several at once, each tried again by itself, until none is missing."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from threading import Lock

from safelight_client.api import Api
from safelight_client.errors import ConnectionFailed, UploadFailed
from safelight_client.exchange import Conversation, Request, Response, Together
from safelight_client.problems import upload_error_of
from safelight_client.progress import Meter
from safelight_client.source import Source
from safelight_client.ticket import SignedPart, Ticket

MULTIPART = "multipart"
"""What the transport is called."""

AT_ONCE = 4
"""Parts that are on their way at the same time: enough for a line whose answers are slow to come."""

SIGNED_AT_ONCE = 8
"""Parts that URLs are asked for together: so few that they are sent before those end. Every server signs for 10."""

ROUNDS = 3
"""How often what is missing is sent, where parts failed for good."""

FORBIDDEN = 403


@dataclass(frozen=True, slots=True)
class Sending:
    """What is sent, to whom, and who hears of it."""

    api: Api
    ticket: Ticket
    source: Source
    tally: "Tally"


def send_parts(api: Api, ticket: Ticket, source: Source, meter: Meter) -> Conversation[None]:
    """Send every part. Where some cannot be sent, ask what has come, and go on with the rest.

    Raises UploadFailed, ConnectionFailed.
    """
    sending = Sending(api, ticket, source, Tally(meter))
    missing: Sequence[int] = range(1, (ticket.upload.parts or 0) + 1)
    for left in reversed(range(ROUNDS)):
        try:
            yield from _send(missing, sending)
        except (UploadFailed, ConnectionFailed):
            if not left:
                raise
            missing = yield from api.missing_parts(ticket.id, ticket.write_token)
        else:
            return


def _send(numbers: Sequence[int], sending: Sending) -> Conversation[None]:
    """Ask for some URLs, send what goes there, and so on."""
    for start in range(0, len(numbers), SIGNED_AT_ONCE):
        some = numbers[start : start + SIGNED_AT_ONCE]
        signed = yield from _sign(some, sending)
        failed = yield Together([_send_part(part, sending) for part in signed], AT_ONCE)
        if failed is not None:
            raise failed


def _send_part(part: SignedPart, sending: Sending) -> Conversation[None]:
    response = yield from _put(part, sending)
    if response.status == FORBIDDEN:  # the permission can run out while others are sent
        (part,) = yield from _sign([part.number], sending)
        response = yield from _put(part, sending)
    if not response.ok:
        raise upload_error_of(response)


def _sign(numbers: Sequence[int], sending: Sending) -> Conversation[Sequence[SignedPart]]:
    return (yield from sending.api.sign_parts(sending.ticket.id, sending.ticket.write_token, numbers))


def _put(part: SignedPart, sending: Sending) -> Conversation[Response]:
    start = (part.number - 1) * (sending.ticket.upload.part_bytes or 0)
    body = PartBody(sending.source, start, part, sending.tally)
    return (yield from sending.api.ask(Request("PUT", part.url, {}, body)))


class Tally:
    """Adds up what was sent of all parts, whichever thread sends them, and tells it to one meter."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._lock = Lock()
        self._sent: dict[int, int] = {}
        self._sum = 0

    def sent(self, number: int, count: int) -> None:
        """Hear that so much of a part was sent: less than before, where it is sent again."""
        with self._lock:
            self._sum += count - self._sent.get(number, 0)
            self._sent[number] = count
            self._meter.uploading(self._sum)


class PartBody:
    """A part of a source as the body of a request. Fulfils `exchange.Body`."""

    def __init__(self, source: Source, start: int, part: SignedPart, tally: Tally) -> None:
        self._source, self._start, self._part, self._tally = source, start, part, tally
        self._sent = 0

    @property
    def size(self) -> int:
        """All bytes of the part."""
        return self._part.bytes

    def chunks(self) -> Iterator[bytes]:
        """Yield everything from the start of the part."""
        self._sent = 0
        return self._source.chunks(self._start, self._part.bytes)

    def sent(self, count: int) -> None:
        """Tell how much of the part was sent."""
        self._sent += count
        self._tally.sent(self._part.number, self._sent)
