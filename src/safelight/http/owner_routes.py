"""The owners of images: what they use, their blocks, and their end."""

from litestar import delete, get, post

from safelight.deeds.remove import AT_ONCE
from safelight.domain import errors
from safelight.domain.events import Action
from safelight.domain.who import Scope
from safelight.http.audit import ACTION
from safelight.http.auth import ApiParts, ApiRequest, Caller, caller_of
from safelight.http.callers import WHO, By
from safelight.http.openapi import problems
from safelight.http.parts import Parts
from safelight.http.paths import OwnerId, word
from safelight.http.wire.owners import ErasedOut, OwnerOut
from safelight.upkeep.erase import erase_owner
from safelight.upkeep.owners import block_owner, unblock_owner

MANAGING = problems(errors.NotAuthenticated, errors.NotAllowed, errors.RequestInvalid)


@get(
    "/v1/owners/{owner_id:str}",
    tags=["Manage"],
    summary="See what an owner uses",
    response_description="What it uses and may use",
    opt={WHO: (By.MANAGE_KEY,), ACTION: Action.OWNER_READ},
    responses=MANAGING,
)
async def one(owner_id: OwnerId, request: ApiRequest, parts: ApiParts) -> OwnerOut:
    """Return what counts towards the quotas of a user. One that has never uploaded uses nothing."""
    await _manager(request, parts, "see owners")
    return await _owner(word(owner_id, "the id"), parts)


@post(
    "/v1/owners/{owner_id:str}/block",
    status_code=200,
    tags=["Manage"],
    summary="Block an owner",
    response_description="It is blocked",
    opt={WHO: (By.MANAGE_KEY,), ACTION: Action.OWNER_BLOCKED},
    responses=MANAGING,
)
async def block(owner_id: OwnerId, request: ApiRequest, parts: ApiParts) -> OwnerOut:
    """Take nothing more from a user, and process nothing more of what came. All is kept for review.

    Images that are ready stay visible. Blocking again changes nothing.
    """
    caller, owner = await _manager(request, parts, "block owners"), word(owner_id, "the id")
    await block_owner(owner, caller.origin, records=parts.records, clock=parts.clock)
    return await _owner(owner, parts)


@post(
    "/v1/owners/{owner_id:str}/unblock",
    status_code=200,
    tags=["Manage"],
    summary="Unblock an owner",
    response_description="It is not blocked",
    opt={WHO: (By.MANAGE_KEY,), ACTION: Action.OWNER_UNBLOCKED},
    responses=MANAGING,
)
async def unblock(owner_id: OwnerId, request: ApiRequest, parts: ApiParts) -> OwnerOut:
    """Let a user go on. What waited is processed now."""
    caller, owner = await _manager(request, parts, "unblock owners"), word(owner_id, "the id")
    await unblock_owner(owner, caller.origin, records=parts.records, clock=parts.clock)
    return await _owner(owner, parts)


@delete(
    "/v1/owners/{owner_id:str}",
    status_code=200,
    tags=["Manage"],
    summary="Erase an owner",
    response_description="What was deleted",
    opt={WHO: (By.MANAGE_KEY,), ACTION: Action.OWNER_ERASED},
    responses=MANAGING,
)
async def erase(owner_id: OwnerId, request: ApiRequest, parts: ApiParts) -> ErasedOut:
    """Delete all images of a user, and forget its name but in the audit log. Bytes are purged in the background.

    Broken off, it can be said again, and goes on where it was; the answer then tells of the rest.
    """
    caller, owner = await _manager(request, parts, "erase owners"), word(owner_id, "the id")
    with parts.metrics.step("erase"):
        erased = await erase_owner(
            owner,
            caller.origin,
            records=parts.records,
            signals=parts.signals,
            clock=parts.clock,
            ids=parts.ids,
            told=parts.told,
            batch=AT_ONCE,
        )
    return ErasedOut(erased.owner, erased.images, erased.bytes, erased.renditions, erased.answers, erased.audit_events)


async def _manager(request: ApiRequest, parts: Parts, action: str) -> Caller:
    caller = await caller_of(request, parts)
    caller.needs(Scope.MANAGE, action)
    return caller


async def _owner(owner_id: str, parts: Parts) -> OwnerOut:
    async with parts.records.glance() as snapshot:
        owner = await snapshot.owner(owner_id)
    return OwnerOut.of(owner, parts.rules.owner_limits)
