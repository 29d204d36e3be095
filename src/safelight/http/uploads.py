"""Step 2 by HTTP: PUT the bytes, or POST a form with the file, to the signed URL. Plain ASGI: every copy counts here.

What the URL's token permits is checked before the first byte of the body is read, so that a client that waits for
`100 Continue` sends nothing in vain. Bytes go to the store as they come; nothing is gathered in memory.
"""

import json
from collections.abc import AsyncIterator, Collection

from safelight.domain import keys
from safelight.domain.errors import (
    BodyTooLong,
    BodyTooShort,
    RequestInvalid,
    TokenInvalid,
    TypeNotAccepted,
)
from safelight.domain.formats import UNTYPED
from safelight.domain.tokens import Tokens, UploadClaims
from safelight.http import multipart
from safelight.http.asgi import Receive, Scope, Send, answer, content_length, header, url_token
from safelight.http.body import Pace, paced
from safelight.http.cors import origin_headers, preflight_headers
from safelight.http.problems import wrong_method
from safelight.http.request_id import request_id_of
from safelight.journey.upload import upload_image
from safelight.ports.clock import Clock
from safelight.ports.object_store import IncomingStore

METHODS = "PUT, POST, OPTIONS"


class Uploads:
    """The ASGI application behind `/incoming/`. Raises the journey's errors; `Gateway` answers them."""

    def __init__(
        self, incoming: IncomingStore, tokens: Tokens, *, clock: Clock, pace: Pace, allowed_origins: Collection[str]
    ) -> None:
        self._incoming = incoming
        self._tokens = tokens
        self._clock = clock
        self._pace = pace
        self._allowed_origins = frozenset(allowed_origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take one upload."""
        match scope["method"]:
            case "PUT":
                await self._put(scope, receive, send)
            case "POST":
                await self._post(scope, receive, send)
            case "OPTIONS":
                await answer(send, 204, preflight_headers(scope, self._allowed_origins, methods="PUT, POST"))
            case _:
                refusal = wrong_method(METHODS, request_id=request_id_of(scope))
                await answer(send, refusal.status, refusal.headers, refusal.body)

    async def _put(self, scope: Scope, receive: Receive, send: Send) -> None:
        claims = self._claims(scope)
        see_length(content_length(scope), claims.bytes, frame_bytes=0)
        see_type(header(scope, "content-type") or "", claims)
        etag = await upload_image(claims, self._body(receive, claims), incoming=self._incoming)
        await answer(send, 201, self._origin(scope) | {"etag": f'"{etag}"'})

    async def _post(self, scope: Scope, receive: Receive, send: Send) -> None:
        claims = self._claims(scope)
        see_length(content_length(scope), claims.bytes, frame_bytes=multipart.MAX_FRAME_BYTES)
        boundary = multipart.boundary_of(header(scope, "content-type") or "")
        file = multipart.file_of(self._body(receive, claims), boundary, see_type=lambda sent: see_type(sent, claims))
        etag = await upload_image(claims, file, incoming=self._incoming)
        headers = {"etag": f'"{etag}"', "content-type": "application/json"}
        await answer(send, 201, self._origin(scope) | headers, json.dumps({"etag": etag}).encode())

    def _claims(self, scope: Scope) -> UploadClaims:
        """Return what the URL permits. Raises TokenInvalid, TokenExpired, RequestInvalid."""
        claims = self._tokens.verify_upload(url_token(scope), now=self._clock.now())
        if claims.key != keys.parse(scope["path"].removeprefix("/")):
            raise TokenInvalid
        if header(scope, "content-encoding") not in {None, "identity"}:
            raise RequestInvalid(reason="Content-Encoding is not taken; send the bytes as they are")
        return claims

    def _body(self, receive: Receive, claims: UploadClaims) -> AsyncIterator[bytes]:
        return paced(receive, self._pace, declared_bytes=claims.bytes)

    def _origin(self, scope: Scope) -> dict[str, str]:
        return origin_headers(scope, self._allowed_origins)


def see_length(content_length: int | None, declared_bytes: int, *, frame_bytes: int) -> None:
    """Raise BodyTooLong or BodyTooShort where the header says already that the body cannot be right.

    `frame_bytes` is what may come around the file.
    """
    if content_length is None:
        return
    if content_length > declared_bytes + frame_bytes:
        raise BodyTooLong(declared_bytes)
    if content_length < declared_bytes:
        raise BodyTooShort(received=content_length, declared=declared_bytes)


def see_type(sent: str, claims: UploadClaims) -> None:
    """Raise TypeNotAccepted where another type is sent than was declared. One that says nothing passes."""
    media_type = sent.partition(";")[0].strip().lower()
    if media_type not in UNTYPED and claims.content_type not in UNTYPED and media_type != claims.content_type.lower():
        raise TypeNotAccepted(declared=media_type, accepted=claims.content_type)
