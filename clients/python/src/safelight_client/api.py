"""The calls of Safelight's HTTP API, one conversation each.

All of them may be repeated: reading changes nothing, and PUT and DELETE change nothing more the second time. POSTs
carry an `Idempotency-Key`, the same on every try: the server acts once, and gives every try the same answer.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode, urljoin

from safelight_client.exchange import Conversation, Request, Response
from safelight_client.image import Attachment, Image, Visibility
from safelight_client.kind import Kind
from safelight_client.problems import error_of
from safelight_client.reading import documents, numbers, optional, required
from safelight_client.retry import Retry, ask
from safelight_client.ticket import Order, SignedPart, SignedUpload, Ticket

MAX_REDIRECTS = 3
"""A variant's stable URL leads to the file at once; a CDN may add a hop."""

MANY_IMAGES_S = 600.0
"""Time for a server to delete very many images before it answers: some 200 a second."""

GONE = frozenset({404, 410})
NOT_MODIFIED = 304


@dataclass(frozen=True, slots=True)
class Look:
    """How an image stood, and how to ask for what is newer."""

    image: Image
    etag: str | None
    response: Response


@dataclass(frozen=True, slots=True)
class Page:
    """Some images, newest first; `next` is the `after` of the next page."""

    images: tuple[Image, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class Attached:
    """The images at a record, by kind and in order: `images` are ready, `pending` ones may be yet."""

    images: tuple[Image, ...]
    pending: tuple[Image, ...]


@dataclass(frozen=True, slots=True)
class Removed:
    """How many images were deleted with a record, and their bytes as they were sent."""

    images: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Erased:
    """What was deleted of an owner; so many `audit_events` tell of it still, until their retention ends."""

    owner: str
    images: int
    bytes: int
    renditions: int
    audit_events: int


@dataclass(frozen=True, slots=True)
class Api:
    """Where the server is, who asks, and what the world provides.

    `jitter` gives random numbers from 0 to 1, `new_key` unique strings, `clock` seconds that only go up.
    """

    base_url: str
    api_key: str | None
    retry: Retry
    jitter: Callable[[], float]
    new_key: Callable[[], str]
    clock: Callable[[], float]

    def request(self, order: Order) -> Conversation[Ticket]:
        """REQUEST: ask for leave to upload."""
        response = yield from self._post("/v1/images", order.document(), key=self.new_key())
        return Ticket.parse(response.document())

    def resign(self, image_id: str, write_token: str | None) -> Conversation[SignedUpload]:
        """Ask for a fresh permission to upload."""
        path = f"/v1/images/{_part(image_id)}/upload"
        response = yield from self._post(path, {}, key=self.new_key(), token=write_token)
        return SignedUpload.parse(required(response.document(), "upload", dict))

    def sign_parts(
        self, image_id: str, write_token: str | None, wanted: Sequence[int]
    ) -> Conversation[Sequence[SignedPart]]:
        """Ask for the URLs of parts."""
        path = f"/v1/images/{_part(image_id)}/parts"
        response = yield from self._post(path, {"numbers": list(wanted)}, key=self.new_key(), token=write_token)
        return [SignedPart.parse(one) for one in documents(response.document(), "parts")]

    def missing_parts(self, image_id: str, write_token: str | None) -> Conversation[Sequence[int]]:
        """Ask which parts have not come."""
        response = yield from self._send("GET", f"/v1/images/{_part(image_id)}/parts", token=write_token)
        return numbers(_good(response).document(), "missing")

    def confirm(self, image_id: str, write_token: str | None) -> Conversation[Look]:
        """CONFIRM: say that the bytes are there."""
        path = f"/v1/images/{_part(image_id)}/confirm"
        response = yield from self._post(path, {}, key=self.new_key(), token=write_token)
        return _look(response)

    def check(
        self, image_id: str, token: str | None = None, *, seen: Look | None = None, wait_s: int = 0
    ) -> Conversation[Look]:
        """CHECK: see how an image stands, at once, or when it is newer than `seen` or `wait_s` seconds are over."""
        headers = {"Prefer": f"wait={wait_s}"} if wait_s else {}
        if seen and seen.etag:
            headers["If-None-Match"] = seen.etag
        response = yield from self._send(
            "GET", f"/v1/images/{_part(image_id)}", headers, token=token, patience_s=wait_s
        )
        if seen and response.status == NOT_MODIFIED:
            return Look(seen.image, seen.etag, response)
        return _look(_good(response))

    def page(self, query: Mapping[str, str | None]) -> Conversation[Page]:
        """List images."""
        asked = urlencode({name: value for name, value in query.items() if value is not None})
        response = yield from self._send("GET", f"/v1/images?{asked}" if asked else "/v1/images")
        document = _good(response).document()
        images = tuple(Image.parse(one) for one in documents(document, "images"))
        return Page(images, optional(document, "next", str))

    def delete(self, image_id: str, token: str | None = None) -> Conversation[None]:
        """Delete an image. Where the answer to a first try was lost, the second finds nothing: that is well, too."""
        response = yield from self._send("DELETE", f"/v1/images/{_part(image_id)}", token=token)
        if not (response.tries > 1 and response.status in GONE):
            _good(response)

    def attach(self, image_id: str, target: Attachment, kind: str, position: int | None) -> Conversation[Attached]:
        """Attach an image to a record, or give it another position there."""
        document = {"image_id": image_id} | ({} if position is None else {"position": position})
        response = yield from self._send(
            "PUT",
            f"{_record(target)}/{_part(kind)}",
            {"Content-Type": "application/json"},
            json.dumps(document).encode(),
        )
        return _attached(response)

    def attached(self, target: Attachment, kind: str | None) -> Conversation[Attached]:
        """See the images at a record, of one kind or of all."""
        path = _record(target) if kind is None else f"{_record(target)}/{_part(kind)}"
        return _attached((yield from self._send("GET", path)))

    def delete_record(self, target: Attachment) -> Conversation[Removed]:
        """Delete all images at a record."""
        document = _good((yield from self._send("DELETE", _record(target), patience_s=MANY_IMAGES_S))).document()
        return Removed(required(document, "images", int), required(document, "bytes", int))

    def erase_owner(self, owner: str) -> Conversation[Erased]:
        """Erase an owner."""
        path = f"/v1/owners/{_part(owner)}"
        document = _good((yield from self._send("DELETE", path, patience_s=MANY_IMAGES_S))).document()
        counts = (required(document, name, int) for name in ("images", "bytes", "renditions", "audit_events"))
        return Erased(required(document, "owner", str), *counts)

    def review(self, image_id: str, verdict: str, reason: str | None) -> Conversation[Image]:
        """Approve or reject a held image."""
        given = {"verdict": verdict} | ({"reason": reason} if reason else {})
        response = yield from self._post(f"/v1/images/{_part(image_id)}/review", given, key=self.new_key())
        return Image.parse(response.document())

    def set_public(self, image_id: str, *, public: bool) -> Conversation[Visibility]:
        """Make an image public or protected. A second time changes nothing."""
        content = json.dumps({"public": public}).encode()
        path = f"/v1/images/{_part(image_id)}/visibility"
        response = yield from self._send("PUT", path, {"Content-Type": "application/json"}, content)
        return Visibility.parse(_good(response).document())

    def kind(self, name: str) -> Conversation[Kind]:
        """Read the rules of a kind."""
        response = yield from self._send("GET", f"/v1/kinds/{_part(name)}")
        return Kind.parse(_good(response).document())

    def download(
        self, image_id: str, variant: str, *, fmt: str | None, width: int | None, token: str | None
    ) -> Conversation[bytes]:
        """Fetch the bytes of a variant. What the redirect leads to is asked without key or token."""
        query = {"format": fmt, "width": width}
        asked = urlencode({name: value for name, value in query.items() if value is not None})
        path = f"/v1/images/{_part(image_id)}/variants/{_part(variant)}" + (f"?{asked}" if asked else "")
        response = yield from self._send("GET", path, token=token)
        url = self.base_url + path
        for _ in range(MAX_REDIRECTS):
            if "location" not in response.headers:
                return _good(response).body
            url = urljoin(url, response.headers["location"])
            response = yield from self.ask(Request("GET", url))
        return _good(response).body

    def ask(self, request: Request) -> Conversation[Response]:
        """Send any request, again where that can help. Raises ConnectionFailed."""
        return (yield from ask(request, self.retry, self.jitter))

    def _post(
        self, path: str, document: Mapping[str, Any], *, key: str, token: str | None = None
    ) -> Conversation[Response]:
        headers = {"Content-Type": "application/json", "Idempotency-Key": key}
        response = yield from self._send("POST", path, headers, json.dumps(document).encode(), token=token)
        return _good(response)

    def _send(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        content: bytes = b"",
        *,
        token: str | None = None,
        patience_s: float = 0.0,
    ) -> Conversation[Response]:
        """Send to the API itself: nowhere else do the key and the tokens go."""
        bearer = token or self.api_key
        shown = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        accepted = {"Accept": "application/json, application/problem+json"}
        request = Request(method, self.base_url + path, {**accepted, **(headers or {}), **shown}, content, patience_s)
        return (yield from self.ask(request))


def _good(response: Response) -> Response:
    """Return the answer if it says yes. Raises the error that it stands for."""
    if not response.ok:
        raise error_of(response)
    return response


def _look(response: Response) -> Look:
    return Look(Image.parse(response.document()), response.headers.get("etag"), response)


def _attached(response: Response) -> Attached:
    document = _good(response).document()
    images, pending = (tuple(map(Image.parse, documents(document, name))) for name in ("images", "pending"))
    return Attached(images, pending)


def _record(target: Attachment) -> str:
    return f"/v1/records/{_part(target.type)}/{_part(target.id)}"


def _part(text: str) -> str:
    """Return one part of a path, whatever stands in it. Raises ValueError where it would lead elsewhere."""
    if text in {"", ".", ".."}:
        raise ValueError(f"{text!r} names no image, kind, variant, record or owner")
    return quote(text, safe="")
