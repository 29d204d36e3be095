"""The application's verdict on images that are held for it."""

from litestar import Response, post

from safelight.domain import errors
from safelight.domain.events import Action
from safelight.domain.image import ImageId
from safelight.domain.report import ImageReport
from safelight.domain.who import Scope
from safelight.http.audit import ACTION
from safelight.http.auth import ApiParts, ApiRequest, PathId, caller_of, find_image
from safelight.http.callers import WHO, By
from safelight.http.openapi import BODY, BODY_SHAPE, problems
from safelight.http.reports import report_response, standing_of
from safelight.http.wire.images import VerdictIn
from safelight.http.wire.parse import parse
from safelight.upkeep.review import Review, review_image


@post(
    "/v1/images/{image_id:str}/review",
    status_code=200,
    tags=["Manage"],
    summary="Approve or reject a held image",
    response_description="It is ready, or rejected",
    opt={WHO: (By.MANAGE_KEY,), BODY_SHAPE: VerdictIn, ACTION: Action.REVIEWED},
    responses=problems(
        *BODY,
        errors.NotAuthenticated,
        errors.NotAllowed,
        errors.ImageNotFound,
        errors.UnknownKind,
        errors.WrongState,
        errors.ImageBusy,
    ),
)
async def review(image_id: PathId, request: ApiRequest, parts: ApiParts) -> Response[ImageReport]:
    """Let a held image be shown, or purge it. The same verdict again changes nothing; the opposite is too late then.

    `GET /v1/images?status=held` is the queue, and an API key may see a held image's variants.
    """
    caller = await caller_of(request, parts)
    caller.needs(Scope.MANAGE, "review images")
    given = parse(await request.body(), VerdictIn)
    image = await find_image(ImageId(image_id), parts)
    kind = parts.kinds[image.kind]
    with parts.metrics.step("review"):
        await review_image(
            image,
            Review(given.verdict, caller.origin, kind.public, given.reason, kind.one_per_record),
            records=parts.records,
            objects=parts.objects,
            signals=parts.signals,
            clock=parts.clock,
            ids=parts.ids,
            told=parts.told,
        )
    return report_response(await standing_of(image.id, parts), request, parts)
