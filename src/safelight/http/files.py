"""Delivery of stored objects: GET and HEAD, conditional requests and single ranges, as RFC 9110 has them.

What is sent to a browser is made harmless first: the content type follows from the key that we made, never from the
bytes; nothing is sniffed; nothing runs. Only renditions are shown inline; an original is a download of octets.
"""

from collections.abc import Collection
from dataclasses import dataclass

from safelight.domain import keys
from safelight.domain.delivery import PUBLIC_CACHING, content_type, file_name, is_shown
from safelight.domain.errors import ImageNotFound, ObjectMissing, TokenInvalid
from safelight.domain.keys import Key
from safelight.domain.tokens import Tokens
from safelight.http.asgi import Receive, Scope, Send, answer, encode, header, query, url_token
from safelight.http.conditional import http_date, not_modified, range_applies
from safelight.http.cors import ANYONE, origin_headers
from safelight.http.disposition import disposition
from safelight.http.problems import wrong_method
from safelight.http.ranges import ByteRange, parse_range
from safelight.http.rates import address_of
from safelight.http.request_id import request_id_of
from safelight.ports.clock import Clock
from safelight.ports.object_store import OpenObject, OutgoingStore, StoredObject
from safelight.ports.rate_limiter import Rate, RateLimiter

METHODS = "GET, HEAD"
SENT_AT_ONCE = 256 * 1024

HARMLESS = {
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; sandbox",
    "accept-ranges": "bytes",
}
PUBLIC = (
    HARMLESS
    | ANYONE
    | {
        "cross-origin-resource-policy": "cross-origin",
        "cache-control": PUBLIC_CACHING,
    }
)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """One object as one request wants it: `headers` are those that do not depend on its bytes."""

    key: Key
    headers: dict[str, str]


class Files:
    """The ASGI application behind `/public/` and `/private/`. Raises the errors; `Gateway` answers them."""

    def __init__(
        self,
        outgoing: OutgoingStore,
        tokens: Tokens,
        *,
        clock: Clock,
        allowed_origins: Collection[str],
        limiter: RateLimiter,
        downloads: Rate,
    ) -> None:
        self._outgoing = outgoing
        self._tokens = tokens
        self._clock = clock
        self._allowed_origins = frozenset(allowed_origins)
        self._limiter = limiter
        self._downloads = downloads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - a GET has no body
        """Deliver one object."""
        if scope["method"] not in {"GET", "HEAD"}:
            refusal = wrong_method(METHODS, request_id=request_id_of(scope))
            await answer(send, refusal.status, refusal.headers, refusal.body)
            return
        self._limiter.hit(self._downloads, address_of(scope))
        wanted = self._wanted(scope)
        try:
            opened = await self._outgoing.open(wanted.key, ahead=_ahead(scope))
        except ObjectMissing:
            raise ImageNotFound(str(keys.image_of(wanted.key))) from None
        try:
            await _deliver(scope, send, opened, wanted)
        finally:
            await opened.close()

    def _wanted(self, scope: Scope) -> _Wanted:
        """Return what may be had. Raises TokenInvalid, TokenExpired, RequestInvalid."""
        key = Key(scope["path"].removeprefix("/"))
        access = PUBLIC if key.startswith(keys.PUBLIC) else self._signed(key, scope)
        return _Wanted(key, access | _shown(key, query(scope, "download")))

    def _signed(self, key: Key, scope: Scope) -> dict[str, str]:
        now = self._clock.now()
        claims = self._tokens.verify_download(url_token(scope), now=now)
        if claims.key != key:
            raise TokenInvalid
        rest = int((claims.expires_at - now).total_seconds())
        return (
            HARMLESS
            | origin_headers(scope, self._allowed_origins)
            | {"cache-control": f"private, max-age={rest}", "referrer-policy": "no-referrer"}
        )


def _shown(key: Key, names: list[str]) -> dict[str, str]:
    """Return the content type and how a browser is to show it: `names` are those wished for a download."""
    how = "inline" if is_shown(key) and not names else "attachment"
    return {
        "content-type": content_type(key),
        "content-disposition": disposition(how, names[0] if names and names[0] else file_name(key)),
    }


def _ahead(scope: Scope) -> int:
    """Return how much to read on opening: all of a small object, unless it may turn out that nothing is wanted."""
    conditional = {b"if-none-match", b"if-modified-since", b"range"}
    if scope["method"] == "HEAD" or any(name in conditional for name, _ in scope["headers"]):
        return 0
    return SENT_AT_ONCE


async def _deliver(scope: Scope, send: Send, opened: OpenObject, wanted: _Wanted) -> None:
    stored = opened.stored
    headers = wanted.headers | {"etag": f'"{stored.etag}"', "last-modified": http_date(stored.modified_at)}
    if _has_it(scope, stored):
        await answer(send, 304, headers)
        return
    asked = _range(scope, stored)
    part = asked or ByteRange(0, stored.bytes - 1)
    if asked:
        headers["content-range"] = f"bytes {asked.first}-{asked.last}/{stored.bytes}"
    headers["content-length"] = str(part.length)
    await send({"type": "http.response.start", "status": 206 if asked else 200, "headers": encode(headers)})
    await _send_part(send, opened, ByteRange(0, -1) if scope["method"] == "HEAD" else part)


async def _send_part(send: Send, opened: OpenObject, part: ByteRange) -> None:
    """Send the bytes, at most one piece in memory. An empty part is an empty body."""
    for offset in range(part.first, part.last + 1, SENT_AT_ONCE):
        piece = await opened.read(offset, min(SENT_AT_ONCE, part.last + 1 - offset))
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


def _has_it(scope: Scope, stored: StoredObject) -> bool:
    return not_modified(
        etag=stored.etag,
        modified_at=stored.modified_at,
        if_none_match=header(scope, "if-none-match"),
        if_modified_since=header(scope, "if-modified-since"),
    )


def _range(scope: Scope, stored: StoredObject) -> ByteRange | None:
    """Return the range to send; only a GET has one (RFC 9110, 14.2)."""
    applies = range_applies(etag=stored.etag, modified_at=stored.modified_at, if_range=header(scope, "if-range"))
    return parse_range(header(scope, "range"), stored.bytes) if applies and scope["method"] == "GET" else None
