"""The URLs of a whole page of images, in one call."""

from typing import Annotated

from litestar import Response, post
from litestar.params import HeaderParameter

from safelight.domain import errors
from safelight.domain.errors import RequestInvalid
from safelight.domain.events import Action
from safelight.domain.image import ImageId
from safelight.domain.who import Scope
from safelight.http.audit import ACTION, note_view
from safelight.http.auth import ApiParts, ApiRequest, caller_of, may_see
from safelight.http.callers import WHO, By
from safelight.http.openapi import BODY, BODY_SHAPE, problems
from safelight.http.show_routes import acceptable
from safelight.http.wire.gallery import GalleryIn, GalleryOut, ShownOut
from safelight.http.wire.parse import parse
from safelight.journey.deliver_many import Gallery, Sources, show_many


@post(
    "/v1/urls",
    status_code=200,
    tags=["6 Show"],
    summary="Get the URLs of many images",
    response_description="Direct URLs of public images, signed ones of protected images",
    opt={WHO: (By.READ_KEY, By.USER), BODY_SHAPE: GalleryIn, ACTION: Action.VIEWED},
    responses=problems(*BODY, errors.NotAuthenticated, errors.NotAllowed),
)
async def urls(
    request: ApiRequest,
    parts: ApiParts,
    accept: Annotated[str | None, HeaderParameter(name="accept", description="Formats that can be shown")] = None,
) -> Response[GalleryOut]:
    """Return where the variants of images are, for a whole page at once. What the caller may not see is left out.

    Signed URLs are the same for everyone until their time bucket ends, so that they cache.
    """
    caller = await caller_of(request, parts)
    caller.needs_unless_user(Scope.READ, "see images")
    data = parse(await request.body(), GalleryIn)
    if len(data.ids) > parts.limits.max_urls:
        raise RequestInvalid(reason=f"ids: at most {parts.limits.max_urls} images in one call")
    formats = [data.format] if data.format else acceptable(accept)
    with parts.metrics.step("show_many"):
        shown = await show_many(
            Gallery(list(map(ImageId, data.ids)), data.variants, formats, data.width),
            may_see=lambda image: may_see(caller.who, image, parts),
            records=parts.records,
            sources=Sources(parts.kinds, parts.signer, parts.tokens, parts.links, parts.limits.download_bucket),
            clock=parts.clock,
        )
    for one in shown.values():
        if not one.image.public:
            note_view(caller.origin, one.image, " ".join(one.variants), parts)
    images: dict[str, ShownOut] = {
        image_id: ShownOut(one.image.public, one.expires_at, one.variants) for image_id, one in shown.items()
    }
    return Response(GalleryOut(images), status_code=200, headers={"cache-control": "private, no-store"})
