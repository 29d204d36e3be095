"""Idempotency-Key: a POST that comes again with its key is answered as the first time, and does nothing more.

This stands around every route, so that no POST can go without it. A key counts for one caller: whoever calls with
another credential of the same user finds the answer, anybody else does not. Kept is what did something (2xx); a
refusal changed nothing, and may be asked again.
"""

import hashlib
import math
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from urllib.parse import parse_qsl, urlencode

import msgspec
import structlog
from msgspec import Struct

from safelight.domain.answer import KeptAnswer, Question
from safelight.domain.errors import (
    IdempotencyInProgress,
    IdempotencyKeyReused,
    ImageNotFound,
    Ours,
    RequestInvalid,
    TokenInvalid,
)
from safelight.domain.to_its_end import to_its_end
from safelight.domain.tokens import Purpose, image_named_by
from safelight.domain.who import Role
from safelight.http.asgi import App, Headers, Message, Receive, Scope, Send, header
from safelight.http.auth import ApiRequest, Caller, caller_of, find_image
from safelight.http.parts import Parts

log = structlog.get_logger()

HEADER = "idempotency-key"
REPLAYED = (b"idempotency-replayed", b"true")
"""What tells an answer that is given again from the first one."""

KEY_PATTERN = "^[!-~]{1,255}$"
"""Visible ASCII characters."""

CLAIM_LASTS = timedelta(minutes=1)
"""How long a call may take to be answered: longer than any does. After a kill its key is free again by then."""

MOST_KEPT_BYTES = 64 * 1024
"""Of an answer that is kept: more than twice the report of an image with every rendition that it can have.

What is larger has the URLs of a page: it changed nothing, and as many as an address may ask for would fill a disk.
"""

IN_QUERIES = frozenset({"read_token", "token"})
"""Credentials, which may change from one try to the next."""

_KEY = re.compile(KEY_PATTERN)


def honouring_keys(parts: Parts) -> Callable[[App], App]:
    """Return a middleware of Litestar's. It raises RequestInvalid, and what `once` and `caller_of` raise."""

    def honouring(app: App) -> App:
        async def honoured(scope: Scope, receive: Receive, send: Send) -> None:
            question = None
            if scope["method"] == "POST" and (key := _key_of(scope)) is not None:
                question = await _question(key, ApiRequest(scope, receive, send), parts)  # type: ignore[arg-type]  # the same ASGI, said otherwise
            if question is None:
                await app(scope, receive, send)
            else:
                await once(question, partial(app, scope, receive), send, parts)

        return honoured

    return honouring


async def once(question: Question, act: Callable[[Send], Awaitable[None]], send: Send, parts: Parts) -> None:
    """Act and keep the answer, or send the one that was kept. One that is too large is not kept.

    Raises IdempotencyKeyReused, IdempotencyInProgress.
    """
    now = parts.clock.now()
    until, expires_at = now + CLAIM_LASTS, now + parts.limits.idempotency_retention
    async with parts.records.transaction() as tx:
        kept = await tx.answers.claim(question, now=now, until=until, expires_at=expires_at)
    if kept is not None:
        await _send(_answer_in(kept, question, parts), send, REPLAYED)
        return

    claim = _Claim(question, until, parts)
    gathered = _Gathered()
    try:
        await act(gathered.take)
    except BaseException:  # a call that is cut off as its process is stopped may be sent to another at once
        await to_its_end(claim.settle(None))
        raise
    answer = gathered.whole()
    await claim.settle(answer)
    await _send(answer, send)


class _Answer(Struct, array_like=True, frozen=True):
    """What was answered, to the last byte."""

    status: int
    headers: Headers
    body: bytes

    @property
    def did_something(self) -> bool:
        return 200 <= self.status < 300  # noqa: PLR2004 - RFC 9110, 15.3: successful


class _Gathered:
    """Takes an answer as it is sent."""

    def __init__(self) -> None:
        self._start: Message = {}
        self._body = bytearray()

    async def take(self, message: Message) -> None:
        """Take a message of the answer."""
        if message["type"] == "http.response.start":
            self._start = message
        else:
            self._body += message.get("body", b"")

    def whole(self) -> _Answer:
        headers = [(bytes(name), bytes(value)) for name, value in self._start["headers"]]
        return _Answer(self._start["status"], headers, bytes(self._body))


@dataclass(frozen=True, slots=True)
class _Claim:
    """The right to answer a question, until somebody else may."""

    question: Question
    until: datetime
    parts: Parts

    async def settle(self, answer: _Answer | None) -> None:
        """Keep an answer that did something, or else let go. Where neither can be done, the claim runs out."""
        keep = answer is not None and answer.did_something and len(answer.body) <= MOST_KEPT_BYTES
        try:
            async with self.parts.records.transaction() as tx:
                if keep:
                    sealed = self.parts.seal.close(msgspec.msgpack.encode(answer), self.question)
                    await tx.answers.keep(self.question, claimed_until=self.until, sealed=sealed)
                else:
                    await tx.answers.drop(self.question, claimed_until=self.until)
        except Ours as error:  # what was done is done, and its caller must hear of it
            log.error("answer_not_kept", reason=str(error))  # noqa: TRY400 - its reason says all


def _answer_in(kept: KeptAnswer, question: Question, parts: Parts) -> _Answer:
    """Return the answer that was kept. Raises IdempotencyKeyReused, IdempotencyInProgress.

    One that cannot be opened any more, because its signing key was retired, is as good as another's: to do the work a
    second time would be worse.
    """
    if kept.question.digest != question.digest:
        raise IdempotencyKeyReused
    if kept.sealed is None:
        raise IdempotencyInProgress(_ask_again_in(kept, parts.clock.now()))
    opened = parts.seal.open(kept.sealed, question)
    if opened is None:
        raise IdempotencyKeyReused
    return msgspec.msgpack.decode(opened, type=_Answer)


def _ask_again_in(kept: KeptAnswer, now: datetime) -> int:
    """Return in how many seconds to ask again: after three times what it has taken by now.

    Most calls are answered at once. One whose process was killed is free when its claim ends: whoever waits for that
    is to have tries left by then.
    """
    left = kept.claimed_until - now
    taken = CLAIM_LASTS - left
    return max(1, math.ceil(min(3 * taken, left).total_seconds()))


async def _send(answer: _Answer, send: Send, *more: tuple[bytes, bytes]) -> None:
    await send({"type": "http.response.start", "status": answer.status, "headers": [*answer.headers, *more]})
    await send({"type": "http.response.body", "body": answer.body})


def _key_of(scope: Scope) -> str | None:
    """Return the key that was sent, or None. Raises RequestInvalid where it is no key."""
    key = header(scope, HEADER)
    if key is not None and not _KEY.fullmatch(key):
        raise RequestInvalid(reason="an Idempotency-Key has 1 to 255 visible ASCII characters")
    return key


async def _question(key: str, request: ApiRequest, parts: Parts) -> Question | None:
    """Return what is asked; None where nobody asks whom an answer could be kept for: the route will refuse.

    Raises NotAuthenticated, and what reading the body raises.
    """
    caller = await _identity(await caller_of(request, parts), parts)
    if caller is None:
        return None
    url = request.scope["path"], _without_credentials(request.scope["query_string"])
    said = (part.encode() for part in ("POST", *url))
    return Question(caller, key, _digest(*said, await request.body()))


async def _identity(caller: Caller, parts: Parts) -> str | None:
    """Return who a caller is, whatever the credential that says so: a user, an API key, a token.

    A read token is another caller than the write token of the same image: what that is told is not for it.
    """
    if caller.token is None:
        return None if caller.who.role is Role.NOBODY else caller.who.name
    with suppress(TokenInvalid, ImageNotFound):
        image = await find_image(image_named_by(caller.token), parts)
        for purpose in (Purpose.WRITE, Purpose.READ):
            with suppress(TokenInvalid):
                parts.tokens.verify_image_token(caller.token, purpose, image)
                return f"{purpose}:{image.id}"
    return None


def _without_credentials(query_string: bytes) -> str:
    fields = parse_qsl(query_string.decode("latin-1"), keep_blank_values=True)
    return urlencode([(name, value) for name, value in fields if name not in IN_QUERIES])


def _digest(*parts: bytes) -> str:
    """Return one SHA-256 over several parts, which shows where each ends."""
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()
