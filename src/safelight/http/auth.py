"""Who calls, and which image that lets them reach."""

from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Annotated, Any

from litestar import Request
from litestar.di import NamedDependency
from litestar.params import PathParameter, QueryParameter

from safelight.domain import api_keys
from safelight.domain.errors import ImageNotFound, NotAllowed, NotAuthenticated, TokenInvalid, TokenSpent
from safelight.domain.events import Origin
from safelight.domain.image import FINAL, Image, ImageId
from safelight.domain.policy import owns
from safelight.domain.tokens import VERSION, Purpose, image_named_by
from safelight.domain.who import NOBODY, Role, Scope, Who
from safelight.http.parts import Parts
from safelight.http.rates import trying_a_key
from safelight.http.request_id import request_id_of

ApiRequest = Request[Any, Any, Any]
ApiParts = NamedDependency[Parts]
PathId = Annotated[str, PathParameter(description="Id of the image")]

BY_TOKEN = "token"  # noqa: S105 - the word, and none itself
"""How the audit log calls whoever shows the token of an image."""

SCHEME = "bearer"
"""In any case of letters (RFC 9110, 11.1)."""

JWT_DOTS = 2
"""A JWT has three parts: header, claims and signature."""

ReadToken = Annotated[
    str | None, QueryParameter(description="Read token, where no header can be set: `<img>`, EventSource")
]
"""The only token that may stand in a query of the API, and only where a call reads."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, or the token that stands for one image. A token `in_query` can be a read token only."""

    origin: Origin
    token: str | None = None
    in_query: bool = False

    @property
    def who(self) -> Who:
        """The caller as rules see it."""
        return self.origin.who

    def acting_for(self, owner: str | None) -> Origin:
        """Return the origin with the user named for whom the application acts. Raises NotAllowed for anybody else."""
        if owner is None:
            return self.origin
        if self.who.role is not Role.APPLICATION:
            raise NotAllowed(action="act for another user")
        return replace(self.origin, who=replace(self.who, id=owner))

    def needs_unless_user(self, scope: Scope, action: str) -> None:
        """Raise as `needs` does, but let users through: what they may is asked of every image by itself."""
        if self.who.role is not Role.USER:
            self.needs(scope, action)

    def needs(self, scope: Scope, action: str) -> None:
        """Raise NotAuthenticated, or NotAllowed, unless the caller is the application with a key of this scope."""
        if self.who is NOBODY:
            raise NotAuthenticated
        if not self.who.may(scope):
            raise NotAllowed(action=action)


async def caller_of(request: ApiRequest, parts: Parts, read_token: str | None = None) -> Caller:
    """Return who calls, and note it with the request. Raises NotAuthenticated where they show no valid credential.

    `read_token` is that of the query; a header counts more. Raises TokenInvalid where there are several, and
    TooManyRequests where an address has shown too many keys that are none, and Busy where it cannot be told who calls.
    What was found for an Idempotency-Key is not looked for again.
    """
    found: Caller | None = getattr(request.state, "caller", None)
    if found is not None and read_token is None:
        return found
    caller = await _caller_of(request, parts, read_token)
    request.state.caller = caller
    return caller


def origin_of(request: ApiRequest) -> Origin:
    """Return who calls, as far as that was found out."""
    caller: Caller | None = getattr(request.state, "caller", None)
    return caller.origin if caller else _origin(request, NOBODY)


def is_application(request: ApiRequest) -> bool:
    """Whether `caller_of` has found that the application's own server calls."""
    return origin_of(request).who.role is Role.APPLICATION


async def _caller_of(request: ApiRequest, parts: Parts, read_token: str | None) -> Caller:
    header = request.headers.get("authorization")
    if header is None:
        if len(request.query_params.getall("read_token", ())) > 1:
            raise TokenInvalid
        by = BY_TOKEN if read_token else None
        return Caller(_origin(request, NOBODY, by=by), read_token, in_query=True)
    scheme, _, credential = header.partition(" ")
    if scheme.lower() != SCHEME:
        raise NotAuthenticated
    credential = credential.strip()
    if credential.startswith(f"{VERSION}."):
        return Caller(_origin(request, NOBODY, by=BY_TOKEN), credential)
    may_be_a_key = credential.lower().startswith(api_keys.PREFIX)  # so written, it is counted as one
    if parts.identities is not None and credential.count(".") == JWT_DOTS and not may_be_a_key:
        return Caller(_origin(request, await parts.identities.user(credential)))
    with trying_a_key(request.scope, credential, parts.rates):
        return Caller(_origin(request, await _application(credential, parts)))


async def _application(credential: str, parts: Parts) -> Who:
    named = api_keys.parse(credential)
    if named is None:
        raise NotAuthenticated
    async with parts.records.glance() as snapshot:
        key = await snapshot.api_key(named[0])
    if key is None or not api_keys.opens(key, named[1], now=parts.clock.now()):
        raise NotAuthenticated
    return Who(Role.APPLICATION, scopes=key.scopes, api_key=key.id)


async def reach_image(
    caller: Caller,
    image_id: ImageId,
    parts: Parts,
    *,
    scope: Scope,
    purposes: Collection[Purpose],
    action: str,
    spent: bool = False,
) -> Image:
    """Return an image that the caller may reach: by a key of this scope, a token for one of these purposes, as owner.

    Where a read token would do, so does a rule of the kind that lets the user see the image. A write token ends when
    the image is final, unless the call takes one that is `spent`.
    Raises NotAuthenticated, NotAllowed, TokenInvalid, TokenSpent, ImageNotFound (which a foreign image is, too).
    """
    if caller.token is not None:
        return await _by_token(caller, caller.token, image_id, parts, purposes=purposes, spent=spent)
    if caller.who.role is Role.USER:
        return await _by_user(caller.who, image_id, parts, may_view=Purpose.READ in purposes)
    caller.needs(scope, action)
    return await find_image(image_id, parts)


async def _by_token(
    caller: Caller, token: str, image_id: ImageId, parts: Parts, *, purposes: Collection[Purpose], spent: bool
) -> Image:
    if image_named_by(token) != image_id:
        raise ImageNotFound(image_id=image_id)
    try:
        image = await find_image(image_id, parts)
    except ImageNotFound:
        raise TokenInvalid from None
    for purpose in purposes:
        if caller.in_query and purpose is not Purpose.READ:
            continue
        with suppress(TokenInvalid):
            parts.tokens.verify_image_token(token, purpose, image)
            if purpose is Purpose.WRITE and image.state in FINAL and not spent:
                raise TokenSpent(image_id=image.id, state=image.state)
            return image
    raise TokenInvalid


async def _by_user(who: Who, image_id: ImageId, parts: Parts, *, may_view: bool) -> Image:
    image = await find_image(image_id, parts)
    if owns(who, image) or (may_view and await rule_shows(who, image, parts)):
        return image
    raise ImageNotFound(image_id=image_id)


async def may_see(who: Who, image: Image, parts: Parts) -> bool:
    """Whether a caller may see an image of a list: the application with a key that reads, or a user."""
    if who.role is not Role.USER:
        return who.may(Scope.READ)
    return image.public or owns(who, image) or await rule_shows(who, image, parts)


async def rule_shows(who: Who, image: Image, parts: Parts) -> bool:
    """Whether the rule of the image's kind lets a user see it. A kind that is declared no more has none."""
    return image.kind in parts.kinds and await parts.policy.may_view(parts.kinds[image.kind], who, image)


async def find_image(image_id: ImageId, parts: Parts) -> Image:
    """Return the record. Raises ImageNotFound."""
    async with parts.records.glance() as snapshot:
        return await snapshot.image(image_id)


def _origin(request: ApiRequest, who: Who, *, by: str | None = None) -> Origin:
    client = request.scope.get("client")
    return Origin(who, client[0] if client else None, request_id_of(request.scope), by)
