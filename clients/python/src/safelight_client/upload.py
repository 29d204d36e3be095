"""REQUEST, UPLOAD, CONFIRM and CHECK as one conversation."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from safelight_client.api import Api, Look
from safelight_client.attach import Attach, attachment
from safelight_client.errors import ImageFailed, ImageGone, ImageRejected, StillProcessing
from safelight_client.exchange import Conversation, Pause, Request, Response, Work
from safelight_client.image import Image, Status
from safelight_client.parts import MULTIPART, send_parts
from safelight_client.problems import upload_error_of
from safelight_client.progress import Listener, Meter
from safelight_client.retry import retry_after_s
from safelight_client.source import Source, Uploadable, guess_type
from safelight_client.ticket import Checksum, Order, SignedUpload, Ticket

LONG_POLL_S = 20
"""Under the 30 seconds after which many proxies end a silent request."""

DEFAULT_PAUSE_S = 1.0
"""Between two looks, where a server neither waits nor says when to come back."""

FORBIDDEN, PRECONDITION_FAILED = 403, 412


@dataclass(frozen=True, slots=True)
class Wish:
    """What the caller of `upload` wants."""

    kind: str
    filename: str | None
    content_type: str | None
    attach: Attach | None
    owner: str | None
    checksum: Literal["sha256"] | Checksum | None
    on_progress: Listener | None
    wait: bool
    timeout_s: float


def upload(api: Api, what: Uploadable, wish: Wish) -> Conversation[Image]:
    """Upload a file and, if wished, wait until its image is ready."""
    source = Source(what)
    try:
        yield Work(source.open)
        ticket, meter = yield from _request(api, source, wish)
        yield from _send(api, ticket, source, meter)
    finally:
        source.close()
    look = yield from api.confirm(ticket.id, ticket.write_token)
    meter.confirmed()
    image = look.image
    if wish.wait:
        heard = meter.processing if wish.on_progress else None
        image = yield from follow(api, look, token=ticket.read_token, timeout_s=wish.timeout_s, heard=heard)
        if image.status is Status.READY:
            meter.ready()
    return replace(image, read_token=ticket.read_token, write_token=ticket.write_token)


def wait(api: Api, image_id: str, token: str | None, timeout_s: float) -> Conversation[Image]:
    """Wait until an image is ready or held. Raises what `follow` does."""
    look = yield from api.check(image_id, token)
    return (yield from follow(api, look, token=token, timeout_s=timeout_s, heard=lambda _: None))


def follow(
    api: Api, look: Look, *, token: str | None, timeout_s: float, heard: Callable[[float], None] | None
) -> Conversation[Image]:
    """Wait for the end of what `look` saw begin; `heard` gets the progress of the processing.

    Where nobody wants to hear of it, the server is asked for the end alone: one answer instead of one a rendition.

    Raises ImageRejected, ImageFailed, ImageGone, StillProcessing.
    """
    until = api.clock() + timeout_s
    while not look.image.is_final:
        if heard:
            heard(look.image.progress)
        left = until - api.clock()
        if left <= 0:
            raise StillProcessing(look.image.id, waited_s=timeout_s)
        # Without an ETag to compare with, a server could only tell of the end: the first look is for that.
        wait_s = min(LONG_POLL_S, math.ceil(left)) if look.etag or not heard else 0
        asked_at = api.clock()
        newer = yield from api.check(look.image.id, token, seen=look if heard else None, wait_s=wait_s)
        if newer.image == look.image:
            pause_s = _pause_s(newer.response) - (api.clock() - asked_at)
            yield Pause(max(0.0, min(pause_s, left)))
        look = newer
    return _finished(look.image)


def _request(api: Api, source: Source, wish: Wish) -> Conversation[tuple[Ticket, Meter]]:
    checksum = yield from _checksum(source, wish.checksum)
    filename = wish.filename or source.filename
    order = Order(
        kind=wish.kind,
        filename=filename,
        size=source.size,
        content_type=wish.content_type or guess_type(filename),
        attach=attachment(wish.attach),
        owner=wish.owner,
        checksum=checksum,
    )
    ticket = yield from api.request(order)
    meter = Meter(wish.on_progress, total=source.size, waits=wish.wait)
    meter.requested()
    return ticket, meter


def _checksum(source: Source, wanted: Literal["sha256"] | Checksum | None) -> Conversation[Checksum | None]:
    if wanted is None or isinstance(wanted, Checksum):
        return wanted
    found: list[Checksum] = []
    yield Work(lambda: found.append(source.sha256()))
    return found[0]


def _send(api: Api, ticket: Ticket, source: Source, meter: Meter) -> Conversation[None]:
    """UPLOAD. A repeated try that finds the file written is as good as the one whose answer was lost."""
    if ticket.upload.transport == MULTIPART:
        yield from send_parts(api, ticket, source, meter)
        return
    response = yield from _put(api, ticket.upload, source, meter)
    if response.status == FORBIDDEN and response.tries > 1:
        # The permission can run out while a slow line is tried again.
        fresh = yield from api.resign(ticket.id, ticket.write_token)
        response = yield from _put(api, fresh, source, meter)
    written_before = response.status == PRECONDITION_FAILED and response.tries > 1
    if not (response.ok or written_before):
        raise upload_error_of(response)


def _put(api: Api, upload: SignedUpload, source: Source, meter: Meter) -> Conversation[Response]:
    head, tail, headers = b"", b"", dict(upload.headers)
    if upload.fields:
        boundary = api.new_key()
        head, tail = _form(upload.fields, boundary)
        headers["Content-Type"] = f"multipart/form-data; boundary={boundary}"
    body = SourceBody(source, meter, head, tail)
    return (yield from api.ask(Request(upload.method, upload.url, headers, body)))


class SourceBody:
    """A source as the body of a request, with what a form puts around it. Fulfils `exchange.Body`."""

    def __init__(self, source: Source, meter: Meter, head: bytes, tail: bytes) -> None:
        self._source, self._meter = source, meter
        self._head, self._tail = head, tail
        self._sent = 0

    @property
    def size(self) -> int:
        """All bytes, those of the form included."""
        return len(self._head) + self._source.size + len(self._tail)

    def chunks(self) -> Iterator[bytes]:
        """Yield everything from the start."""
        self._sent = -len(self._head)
        if self._head:
            yield self._head
        yield from self._source.chunks()
        if self._tail:
            yield self._tail

    def sent(self, count: int) -> None:
        """Tell how much of the file was sent."""
        self._sent += count
        self._meter.uploading(max(0, min(self._sent, self._source.size)))


def _form(fields: Mapping[str, str], boundary: str) -> tuple[bytes, bytes]:
    """Return what comes before and after the file in a form (RFC 7578). The file is last, as S3 wants it."""
    line = f"--{boundary}\r\nContent-Disposition: form-data; name="
    before = "".join(f'{line}"{name}"\r\n\r\n{value}\r\n' for name, value in fields.items())
    file = f'{line}"file"; filename="image"\r\nContent-Type: application/octet-stream\r\n\r\n'
    return (before + file).encode(), f"\r\n--{boundary}--\r\n".encode()


def _pause_s(response: Response) -> float:
    """Return how much time there should be between this look, from its beginning, and the next."""
    named = retry_after_s(response)
    return DEFAULT_PAUSE_S if named is None else named


def _finished(image: Image) -> Image:
    """Return an image that is ready or held. Raises what became of any other."""
    if image.status in {Status.READY, Status.HELD}:
        return image
    if image.error and image.status is Status.REJECTED:
        raise ImageRejected(image.error.message, code=image.error.code, image_id=image.id)
    if image.error and image.status is Status.FAILED:
        raise ImageFailed(image.error.message, code=image.error.code, image_id=image.id)
    raise ImageGone(f"Image {image.id!r} is {image.status}. Upload the file again.")
