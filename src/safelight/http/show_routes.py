"""Kinds, and the way from an image to a rendition."""

from typing import Annotated, TypeVar

from litestar import Response, get
from litestar.params import Parameter, QueryParameter

from safelight.domain.errors import ImageNotFound, NotAuthenticated
from safelight.domain.formats import CONTENT_TYPES, OutputFormat
from safelight.domain.image import Image, ImageId
from safelight.domain.tokens import Purpose
from safelight.domain.who import NOBODY, Scope
from safelight.http.auth import ApiRequest, caller_of, find_image, reach_image
from safelight.http.parts import Parts
from safelight.http.wire import KindOut, KindsOut
from safelight.journey.deliver import Wish, show_variant

KINDS_MAX_AGE_S = 60
"""Clients check a file against a kind's rules before they ask; a change of the kinds file shows after a minute."""

ASKED_FOR = (OutputFormat.AVIF, OutputFormat.WEBP, OutputFormat.JPEG, OutputFormat.PNG)
"""Smallest first, for readers that name what they can show."""

SAFE = (OutputFormat.JPEG, OutputFormat.PNG, OutputFormat.WEBP, OutputFormat.AVIF)
"""Best known first, for readers that take anything and so have said nothing."""

Out = TypeVar("Out")


@get("/v1/kinds", tags=["Rules"], summary="List the kinds")
async def kinds(parts: Parts) -> Response[KindsOut]:
    """Return every kind: what it accepts, and its variants."""
    return _cached(KindsOut([KindOut.of(kind) for kind in parts.kinds.values()]))


@get("/v1/kinds/{kind:str}", tags=["Rules"], summary="See what a kind accepts")
async def one_kind(kind: str, parts: Parts) -> Response[KindOut]:
    """Return what is accepted, and which variants are made."""
    return _cached(KindOut.of(parts.kinds[kind]))


@get("/v1/images/{image_id:str}/variants/{variant:str}", tags=["6 Show"], summary="Go to a rendition")
async def show(
    image_id: str,
    variant: str,
    request: ApiRequest,
    parts: Parts,
    width: Annotated[int | None, Parameter(ge=1)] = None,
    wanted_format: Annotated[OutputFormat | None, QueryParameter(name="format")] = None,
) -> Response[None]:
    """Redirect to the rendition: of `format`, or else by `Accept`; `width` or wider, or else the widest.

    Anybody may see a public image; a protected one needs its read token, in the header or as `?read_token=`.
    """
    image = await _showable(ImageId(image_id), request, parts)
    wish = Wish(variant, [wanted_format] if wanted_format else acceptable(request.headers.get("accept")), width)
    with parts.metrics.step("show"):
        url = await show_variant(
            image,
            wish,
            kinds=parts.kinds,
            records=parts.records,
            signer=parts.signer,
            clock=parts.clock,
            bucket=parts.limits.download_bucket,
        )
    caching = "public, max-age=60" if image.public else "private, max-age=60"
    headers = {"location": url, "cache-control": caching, "vary": "accept", "referrer-policy": "no-referrer"}
    return Response(None, status_code=302, headers=headers)


def acceptable(accept: str | None) -> list[OutputFormat]:
    """Return the output formats in the order in which a reader with this `Accept` should be offered them."""
    offered = {part.partition(";")[0].strip().lower() for part in (accept or "*/*").split(",")}
    named = [fmt for fmt in ASKED_FOR if CONTENT_TYPES[fmt] in offered]
    anything = not offered.isdisjoint({"*/*", "image/*"})
    return list(dict.fromkeys([*named, *(SAFE if anything or not named else ())]))


async def _showable(image_id: ImageId, request: ApiRequest, parts: Parts) -> Image:
    """Return the image, if it is public or the caller may read it. Nobody learns which protected images there are."""
    caller = await caller_of(request, parts)
    try:
        image = await find_image(image_id, parts)
    except ImageNotFound:
        if caller.token is None and caller.who is NOBODY:
            raise NotAuthenticated from None
        raise
    if image.public:
        return image
    return await reach_image(
        caller, image_id, parts, scope=Scope.READ, purposes=(Purpose.READ,), action="see protected images"
    )


def _cached(content: Out) -> Response[Out]:
    return Response(content, headers={"cache-control": f"public, max-age={KINDS_MAX_AGE_S}"})
