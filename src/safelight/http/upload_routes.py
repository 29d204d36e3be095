"""REQUEST and CONFIRM."""

from litestar import Response, post

from safelight.deeds.permit import Transport
from safelight.domain import errors
from safelight.domain.errors import NotAuthenticated
from safelight.domain.events import Action
from safelight.domain.report import ImageReport
from safelight.domain.tokens import Purpose
from safelight.domain.who import Role
from safelight.http.audit import ACTION
from safelight.http.auth import ApiParts, ApiRequest, PathId, caller_of
from safelight.http.callers import WHO, By
from safelight.http.openapi import BODY, BODY_SHAPE, REACHING, problems
from safelight.http.rate_headers import headers_of_owner
from safelight.http.reports import report_response, standing_of
from safelight.http.uploaders import SECRET, UPLOADERS, writable
from safelight.http.wire.parse import parse
from safelight.http.wire.uploads import RequestedOut, ResignedOut, ResignIn, UploadOut, UploadRequestIn
from safelight.journey.confirm import confirm_upload
from safelight.journey.request import request_upload
from safelight.journey.resign import resign_upload


@post(
    "/v1/images",
    tags=["1 Request"],
    summary="Ask to upload an image",
    response_description="The record is made",
    opt={WHO: (By.UPLOAD_KEY, By.UPLOADER), BODY_SHAPE: UploadRequestIn, ACTION: Action.REQUESTED},
    responses=problems(
        *BODY,
        errors.NotAuthenticated,
        errors.NotAllowed,
        errors.UnknownKind,
        errors.EmptyFile,
        errors.TooLarge,
        errors.TypeNotAccepted,
        errors.UnsupportedTransport,
        errors.DiskFull,
        errors.RecordFull,
        errors.OwnerBlocked,
        errors.TooManyRequests,
        errors.TooManyOpenUploads,
        errors.QuotaExceeded,
    ),
)
async def request(request: ApiRequest, parts: ApiParts) -> Response[RequestedOut]:
    """Create a record and get a signed upload URL, a write token and a read token. No byte of the file goes here."""
    caller = await caller_of(request, parts)
    if caller.who.role is Role.NOBODY:
        raise NotAuthenticated
    data = parse(await request.body(), UploadRequestIn)
    with parts.metrics.step("request"):
        made = await request_upload(
            data.parsed(),
            caller.acting_for(data.owner),
            rules=parts.rules,
            records=parts.records,
            objects=parts.objects,
            signer=parts.signer,
            clock=parts.clock,
            ids=parts.ids,
        )
    image = made.image
    requested = RequestedOut(
        id=image.id,
        status=image.state,
        write_token=parts.tokens.image_token(Purpose.WRITE, image.id, image.token_generation),
        read_token=parts.tokens.image_token(Purpose.READ, image.id, image.token_generation),
        expires_at=image.expires_at,
        upload=UploadOut.of(made.upload, parts_url=parts.links.parts(image.id)),
    )
    headers = SECRET | {"location": parts.links.image(image.id)}
    if made.owner is not None:
        headers |= headers_of_owner(made.owner, parts.rules.owner_limits, now=image.created_at)
    return Response(requested, status_code=201, headers=headers)


@post(
    "/v1/images/{image_id:str}/upload",
    status_code=200,
    tags=["1 Request"],
    summary="Get a fresh upload URL",
    response_description="A further permission to upload",
    opt={WHO: UPLOADERS, BODY_SHAPE: ResignIn, ACTION: Action.RESIGNED},
    responses=problems(
        *BODY,
        *REACHING,
        errors.OwnerBlocked,
        errors.ImageGone,
        errors.WrongState,
        errors.TooManyAttempts,
        errors.UnsupportedTransport,
        errors.TooLarge,
    ),
)
async def resign(image_id: PathId, request: ApiRequest, parts: ApiParts) -> Response[ResignedOut]:
    """Sign the upload again, for a client whose URL has ended or whose upload broke off. The body may be missing."""
    caller, image = await writable(image_id, request, parts, "upload this image")
    body = await request.body()
    wanted = parse(body, ResignIn) if body else ResignIn()
    with parts.metrics.step("resign"):
        upload = await resign_upload(
            image,
            caller.origin,
            records=parts.records,
            objects=parts.objects,
            signer=parts.signer,
            clock=parts.clock,
            ttl=parts.rules.upload_ttl,
            max_attempts=parts.limits.max_upload_attempts,
            transport=Transport(wanted.transport, parts.rules.multipart_above),
        )
    resigned = ResignedOut(UploadOut.of(upload, parts_url=parts.links.parts(image.id)))
    return Response(resigned, status_code=200, headers=SECRET)


@post(
    "/v1/images/{image_id:str}/confirm",
    status_code=202,
    tags=["3 Confirm"],
    summary="Say that the bytes are there",
    response_description="The image is on its way",
    opt={WHO: UPLOADERS, ACTION: Action.CONFIRMED},
    responses=problems(
        *REACHING,
        errors.OwnerBlocked,
        errors.ImageGone,
        errors.NothingUploaded,
        errors.PartsMissing,
        errors.PartsMoving,
        errors.SizeDiffers,
    ),
)
async def confirm(image_id: PathId, request: ApiRequest, parts: ApiParts) -> Response[ImageReport]:
    """Queue the image for processing, if its bytes have come. Saying it again changes nothing, even at the end."""
    caller, image = await writable(image_id, request, parts, "confirm this image", spent=True)
    with parts.metrics.step("confirm"):
        await confirm_upload(
            image,
            caller.origin,
            records=parts.records,
            objects=parts.objects,
            signals=parts.signals,
            clock=parts.clock,
        )
    return report_response(await standing_of(image.id, parts), request, parts, status=202)
