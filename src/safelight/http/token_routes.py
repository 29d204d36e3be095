"""The tokens of one image: given again, and revoked."""

from litestar import Response, delete, post

from safelight.domain import errors
from safelight.domain.errors import TokenInvalid
from safelight.domain.events import Action
from safelight.domain.image import ImageId
from safelight.domain.tokens import Purpose
from safelight.domain.who import Scope
from safelight.http.audit import ACTION
from safelight.http.auth import ApiParts, ApiRequest, Caller, PathId, caller_of, reach_image
from safelight.http.callers import WHO, By
from safelight.http.openapi import REACHING, problems
from safelight.http.parts import Parts
from safelight.http.uploaders import SECRET
from safelight.http.wire.images import TokensOut
from safelight.upkeep.give_token import give_read_token
from safelight.upkeep.revoke_tokens import revoke_tokens


@post(
    "/v1/images/{image_id:str}/tokens",
    status_code=200,
    tags=["Manage"],
    summary="Get the read token of an image",
    response_description="The token",
    opt={WHO: (By.READ_KEY, By.OWNER, By.VIEWER), ACTION: Action.TOKENS_GIVEN},
    responses=problems(*REACHING, errors.ImageGone),
)
async def give_tokens(image_id: PathId, request: ApiRequest, parts: ApiParts) -> Response[TokensOut]:
    """Return the token that shows a protected image, for whoever may see it. A token does not do for this.

    It is the same as before until tokens are revoked or the signing key is rotated, and has no end of its own.
    """
    caller = await _caller_without_token(request, parts)
    image = await reach_image(
        caller, ImageId(image_id), parts, scope=Scope.READ, purposes=(Purpose.READ,), action="get tokens of images"
    )
    token = await give_read_token(image, caller.origin, tokens=parts.tokens, records=parts.records, clock=parts.clock)
    return Response(TokensOut(read_token=token), status_code=200, headers=SECRET)


@delete(
    "/v1/images/{image_id:str}/tokens",
    tags=["Manage"],
    summary="Revoke the tokens of an image",
    response_description="No token that was given out is good any more",
    opt={WHO: (By.MANAGE_KEY, By.OWNER), ACTION: Action.TOKENS_REVOKED},
    responses=problems(*REACHING),
)
async def withdraw_tokens(image_id: PathId, request: ApiRequest, parts: ApiParts) -> None:
    """End every write token and read token of the image at once. `POST` here gives a new read token.

    The image's owner may do this, too. Signed URLs that were handed out already live on to their own end: that of a
    protected rendition for two download buckets at most (10 minutes by default), an upload URL for 15 minutes at most;
    that of a lazy variant ends at once. An event stream that is open lives on, too (5 minutes by default). What
    somebody has loaded cannot be called back.
    """
    caller = await _caller_without_token(request, parts)
    image = await reach_image(
        caller, ImageId(image_id), parts, scope=Scope.MANAGE, purposes=(Purpose.WRITE,), action="revoke tokens"
    )
    await revoke_tokens(image, caller.origin, records=parts.records, clock=parts.clock)


async def _caller_without_token(request: ApiRequest, parts: Parts) -> Caller:
    """Return who calls. Raises TokenInvalid for a token: one that leaked could be renewed for ever, or lock others out.

    Raises what `caller_of` raises.
    """
    caller = await caller_of(request, parts)
    if caller.token is not None:
        raise TokenInvalid
    return caller
