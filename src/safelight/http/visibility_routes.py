"""Switching an image between public and protected."""

from litestar import Response, put

from safelight.domain import errors
from safelight.domain.events import Action
from safelight.domain.image import ImageId
from safelight.domain.who import Scope
from safelight.http.audit import ACTION
from safelight.http.auth import ApiParts, ApiRequest, PathId, caller_of
from safelight.http.callers import WHO, By
from safelight.http.openapi import BODY, BODY_SHAPE, problems
from safelight.http.reports import report_of, standing_headers, standing_of
from safelight.http.wire.images import VisibilityIn, VisibilityOut
from safelight.http.wire.parse import parse
from safelight.upkeep.visibility import set_visibility

NOW_PUBLIC = (
    "Anybody can see this image now. Whoever fetches it keeps a copy that making it protected again cannot call back."
)
NOW_PROTECTED = (
    "The old public URLs lead nowhere any more, but copies that browsers and CDNs have kept cannot be called back. "
    "Purge the URLs in `old_urls` from your CDN."
)


@put(
    "/v1/images/{image_id:str}/visibility",
    tags=["Manage"],
    summary="Make an image public or protected",
    response_description="It is so",
    opt={
        WHO: (By.MANAGE_KEY,),
        BODY_SHAPE: VisibilityIn,
        ACTION: Action.PUBLISHED,  # a refusal is noted as that of the graver of the two
    },
    responses=problems(
        *BODY, errors.NotAuthenticated, errors.NotAllowed, errors.ImageNotFound, errors.WrongState, errors.ImageBusy
    ),
)
async def visibility(image_id: PathId, request: ApiRequest, parts: ApiParts) -> Response[VisibilityOut]:
    """Move a ready image's files between the public and the private side, all or nothing. Its old URLs end with that.

    The second time changes nothing. 503 can mean that old URLs still work: asking again ends them.
    """
    caller = await caller_of(request, parts)
    caller.needs(Scope.MANAGE, "make images public or protected")
    wanted = parse(await request.body(), VisibilityIn)
    standing = await standing_of(ImageId(image_id), parts)
    with parts.metrics.step("visibility"):
        switched = await set_visibility(
            standing.image,
            caller.origin,
            public=wanted.public,
            records=parts.records,
            objects=parts.objects,
            signals=parts.signals,
            clock=parts.clock,
        )
    standing = await standing_of(ImageId(image_id), parts)
    content = VisibilityOut(
        report_of(standing, parts),
        NOW_PUBLIC if wanted.public else NOW_PROTECTED,
        [parts.signer.public_url(key) for key in switched.formerly_public],
    )
    return Response(content, status_code=200, headers=standing_headers(standing))
