"""Kinds, and the way from an image to a rendition."""

import re
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Annotated, TypeVar

from litestar import MediaType, Response, get
from litestar.params import HeaderParameter, PathParameter, QueryParameter

from safelight.domain import errors
from safelight.domain.errors import ImageNotFound, TokenInvalid
from safelight.domain.events import Action
from safelight.domain.formats import CONTENT_TYPES, OutputFormat
from safelight.domain.image import Image, ImageId
from safelight.domain.tokens import Purpose
from safelight.domain.who import Scope
from safelight.domain.wish import Wish
from safelight.http.audit import ACTION, note_view
from safelight.http.auth import (
    BY_TOKEN,
    ApiParts,
    ApiRequest,
    PathId,
    ReadToken,
    caller_of,
    find_image,
    is_application,
    origin_of,
    reach_image,
)
from safelight.http.callers import WHO, By
from safelight.http.openapi import FOR_ANYBODY, FOR_ANYBODY_OR_BEARER, REACHING, problems, success
from safelight.http.parts import Parts
from safelight.http.prefer import wanted_wait
from safelight.http.rate_headers import headers_of
from safelight.http.rates import COUNTED_AS, Count
from safelight.http.wire.kinds import KindOut, KindsOut
from safelight.journey.deliver import Patience, show_variant
from safelight.ports.rate_limiter import Remaining

KINDS_MAX_AGE_S = 60
"""Clients check a file against a kind's rules before they ask; a change of the kinds file shows after a minute."""

ASKED_FOR = (OutputFormat.AVIF, OutputFormat.WEBP, OutputFormat.JPEG, OutputFormat.PNG)
"""Smallest first, for readers that name what they can show."""

SAFE = (OutputFormat.JPEG, OutputFormat.PNG, OutputFormat.WEBP, OutputFormat.AVIF)
"""Best known first, for readers that take anything and so have said nothing."""

REDIRECT_MAX_AGE_S = 60
"""A rendition that suits better may be finished a moment later."""

RENDERING_RETRY_S = 2
"""For whoever asked for a lazy variant that takes longer than it was ready to wait."""

ShowToken = Annotated[
    str | None, QueryParameter(name="token", description="Signature of `POST /v1/urls` over image, variant and end")
]

_UNWANTED = re.compile(r"(?:^|;)\s*q\s*=\s*0(?:\.0*)?\s*(?:;|$)")
"""RFC 9110, 12.4.2: a weight of 0 means "not acceptable"."""

Out = TypeVar("Out")


@get(
    "/v1/kinds",
    tags=["Rules"],
    summary="List the kinds",
    response_description="Every kind",
    security=FOR_ANYBODY,
    opt={WHO: (By.ANYBODY,), COUNTED_AS: Count.OPEN_CALL, ACTION: Action.KIND_READ},
    responses=problems(),
)
async def kinds(parts: ApiParts) -> Response[KindsOut]:
    """Return every kind: what it accepts, and its variants."""
    return _cached(KindsOut([KindOut.of(kind) for kind in parts.kinds.values()]))


@get(
    "/v1/kinds/{kind:str}",
    tags=["Rules"],
    summary="See what a kind accepts",
    response_description="The kind",
    security=FOR_ANYBODY,
    opt={WHO: (By.ANYBODY,), COUNTED_AS: Count.OPEN_CALL, ACTION: Action.KIND_READ},
    responses=problems(errors.UnknownKind),
)
async def one_kind(
    kind: Annotated[str, PathParameter(description="Name of the kind")], parts: ApiParts
) -> Response[KindOut]:
    """Return what is accepted, and which variants are made."""
    return _cached(KindOut.of(parts.kinds[kind]))


@get(
    "/v1/images/{image_id:str}/variants/{variant:str}",
    status_code=302,
    tags=["6 Show"],
    summary="Go to a rendition",
    security=FOR_ANYBODY_OR_BEARER,
    opt={
        WHO: (By.PUBLIC, By.READ_KEY, By.OWNER, By.VIEWER, By.READ_TOKEN, By.SIGNATURE),
        COUNTED_AS: Count.SHOW,
        ACTION: Action.VIEWED,
    },
    responses={
        302: success(None, "The rendition is at `Location`"),
        202: success(None, "A lazy variant is being rendered: ask again after `Retry-After`"),
    }
    | problems(
        *REACHING,
        errors.TokenExpired,
        errors.ImageGone,
        errors.ImageNotReady,
        errors.UnknownVariant,
        errors.UnknownKind,
        errors.RequestInvalid,
    ),
)
async def show(
    image_id: PathId,
    variant: Annotated[str, PathParameter(description="Name of a variant of the kind")],
    request: ApiRequest,
    parts: ApiParts,
    read_token: ReadToken = None,
    token: ShowToken = None,
    prefer: Annotated[
        str | None, HeaderParameter(name="prefer", description="`wait=N`: wait so many seconds for a lazy variant")
    ] = None,
    width: Annotated[int | None, QueryParameter(ge=1, description="Room for the image, in pixels")] = None,
    wanted_format: Annotated[
        OutputFormat | None, QueryParameter(name="format", description="This format, and no other")
    ] = None,
    accept: Annotated[str | None, HeaderParameter(name="accept", description="Formats that can be shown")] = None,
) -> Response[None]:
    """Redirect to the rendition: of `format`, or else by `Accept`; `width` or wider, or else the widest.

    Anybody may see a public image; a protected one needs its read token, in the header or as `?read_token=`. A lazy
    variant is rendered when it is first asked for: the answer waits for it, or is 202. Of an image that is held for
    review only an API key sees anything.
    """
    if token is None:
        image, left = await _showable(ImageId(image_id), request, parts, read_token)
    else:
        image, left = await _signed(ImageId(image_id), variant, request, parts)
    formats = [wanted_format] if wanted_format else acceptable(accept)
    wish = Wish(variant, formats, width, by_application=is_application(request))
    with parts.metrics.step("show"):
        url = await show_variant(
            image,
            wish,
            kinds=parts.kinds,
            records=parts.records,
            signer=parts.signer,
            signals=parts.signals,
            clock=parts.clock,
            patience=Patience(parts.limits.download_bucket, _patience(prefer, parts)),
        )
    if url is None:
        soon = {"retry-after": str(RENDERING_RETRY_S), "cache-control": "no-store"}
        return _bodyless(202, soon)
    if not image.public:
        origin = origin_of(request) if token is None else replace(origin_of(request), by=BY_TOKEN)
        note_view(origin, image, variant, parts)
    headers = {"location": url, "cache-control": _caching(image, parts), "vary": "accept, authorization"}
    headers |= {"referrer-policy": "no-referrer"} | (headers_of(left) if left else {})
    return _bodyless(302, headers)


def acceptable(accept: str | None) -> list[OutputFormat]:
    """Return the output formats in the order in which a reader with this `Accept` should be offered them.

    What it names comes first, what it will not have (`q=0`) not at all, and then what everything can show: an image in
    another format is better than none (RFC 9110, 12.4.1).
    """
    offered = dict(_preference(part) for part in (accept or "*/*").lower().split(","))
    named = [fmt for fmt in ASKED_FOR if offered.get(CONTENT_TYPES[fmt])]
    refused = {fmt for fmt in ASKED_FOR if offered.get(CONTENT_TYPES[fmt]) is False}
    return [fmt for fmt in dict.fromkeys((*named, *SAFE)) if fmt not in refused]


def _preference(part: str) -> tuple[str, bool]:
    """Return a media type of an `Accept`, and whether it is wanted at all."""
    media_type, _, parameters = part.partition(";")
    return media_type.strip(), not _UNWANTED.search(parameters)


def _caching(image: Image, parts: Parts) -> str:
    """Return how long to go by a redirect: never for longer than the signed URL is good to which it leads."""
    seconds = min(REDIRECT_MAX_AGE_S, int(parts.limits.download_bucket.total_seconds()))
    return f"public, max-age={REDIRECT_MAX_AGE_S}" if image.public else f"private, max-age={seconds}"


async def _showable(
    image_id: ImageId, request: ApiRequest, parts: Parts, read_token: str | None
) -> tuple[Image, Remaining | None]:
    """Return the image, if it is public or the caller may read it, and what is left to its read token.

    One that does not exist is answered as a protected one would be, so that nobody learns which there are.
    """
    with suppress(ImageNotFound):
        image = await find_image(image_id, parts)
        if image.public:
            return image, None
    caller = await caller_of(request, parts, read_token)
    image = await reach_image(
        caller, image_id, parts, scope=Scope.READ, purposes=(Purpose.READ,), action="see protected images"
    )
    return image, parts.rates.count_token(image) if caller.token else None


async def _signed(image_id: ImageId, variant: str, request: ApiRequest, parts: Parts) -> tuple[Image, Remaining | None]:
    """Return the image, if the query's one token was signed for this variant of it.

    Raises TokenInvalid, TokenExpired.
    """
    (token, *others) = request.query_params.getall("token")
    if others:
        raise TokenInvalid
    claims = parts.tokens.verify_show(token, now=parts.clock.now())
    try:
        image = await find_image(image_id, parts)
    except ImageNotFound:
        raise TokenInvalid from None
    if (claims.image_id, claims.variant, claims.generation) != (image.id, variant, image.token_generation):
        raise TokenInvalid
    return image, parts.rates.count_token(image)


def _patience(prefer: str | None, parts: Parts) -> timedelta:
    asked = wanted_wait(prefer)
    return parts.limits.lazy_wait if asked is None else min(asked, parts.limits.lazy_wait)


def _bodyless(status: int, headers: dict[str, str]) -> Response[None]:
    """Return an answer that is all headers. As JSON, Litestar would write `null`."""
    return Response(None, status_code=status, media_type=MediaType.TEXT, headers=headers)


def _cached(content: Out) -> Response[Out]:
    return Response(content, headers={"cache-control": f"public, max-age={KINDS_MAX_AGE_S}"})
