"""UPLOAD in parts: their URLs, and which of them have come."""

from litestar import Response, get, post

from safelight.domain import errors
from safelight.domain.errors import RequestInvalid
from safelight.domain.events import Action
from safelight.http.audit import ACTION
from safelight.http.auth import ApiParts, ApiRequest, PathId
from safelight.http.callers import WHO
from safelight.http.openapi import BODY, BODY_SHAPE, REACHING, problems
from safelight.http.uploaders import SECRET, UPLOADERS, writable
from safelight.http.wire.parse import parse
from safelight.http.wire.parts import PartOut, PartsIn, PartsOut, PartsSeenOut
from safelight.journey.see_parts import see_parts
from safelight.journey.sign_parts import sign_parts


@post(
    "/v1/images/{image_id:str}/parts",
    status_code=200,
    tags=["1 Request"],
    summary="Get the URLs of parts",
    response_description="Where these parts go",
    opt={WHO: UPLOADERS, BODY_SHAPE: PartsIn, ACTION: Action.RESIGNED},
    responses=problems(
        *BODY,
        *REACHING,
        errors.OwnerBlocked,
        errors.ImageGone,
        errors.WrongState,
        errors.NotInParts,
        errors.UploadEnded,
    ),
)
async def part_urls(image_id: PathId, request: ApiRequest, parts: ApiParts) -> Response[PartsOut]:
    """Sign for parts of an upload with transport `multipart`: PUT each there, several at once, in any order.

    A part that broke off, or whose URL has ended, is signed for again. Each call puts off the end of the upload.
    """
    caller, image = await writable(image_id, request, parts, "upload this image")
    wanted = parse(await request.body(), PartsIn)
    if len(wanted.numbers) > parts.limits.max_part_urls:
        raise RequestInvalid(reason=f"numbers: at most {parts.limits.max_part_urls} are signed for at once")
    with parts.metrics.step("sign_parts"):
        signed = await sign_parts(
            image,
            wanted.numbers,
            caller.origin,
            records=parts.records,
            objects=parts.objects,
            clock=parts.clock,
            ttl=parts.rules.upload_ttl,
        )
    out = PartsOut([PartOut.of(part) for part in signed.parts], signed.expires_at)
    return Response(out, status_code=200, headers=SECRET)


@get(
    "/v1/images/{image_id:str}/parts",
    tags=["1 Request"],
    summary="See which parts have come",
    response_description="What there is and what is missing",
    opt={WHO: UPLOADERS, ACTION: Action.CHECKED},
    responses=problems(*REACHING, errors.ImageGone, errors.WrongState, errors.NotInParts, errors.UploadEnded),
)
async def parts_seen(image_id: PathId, request: ApiRequest, parts: ApiParts) -> Response[PartsSeenOut]:
    """Tell a client that was broken off where to go on. Send what is missing, then confirm."""
    _, image = await writable(image_id, request, parts, "upload this image")
    with parts.metrics.step("see_parts"):
        seen = await see_parts(image, objects=parts.objects)
    return Response(PartsSeenOut.of(seen), status_code=200, headers={"cache-control": "no-store"})
