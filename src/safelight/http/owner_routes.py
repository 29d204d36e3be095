"""The owners of images."""

from litestar import delete

from safelight.deeds.remove import AT_ONCE
from safelight.domain.errors import NotAllowed, NotAuthenticated, RequestInvalid
from safelight.domain.events import Action
from safelight.domain.who import Scope
from safelight.http.audit import ACTION
from safelight.http.auth import ApiParts, ApiRequest, caller_of
from safelight.http.openapi import problems
from safelight.http.paths import OwnerId, word
from safelight.http.wire import ErasedOut
from safelight.upkeep.erase import erase_owner


@delete(
    "/v1/owners/{owner_id:str}",
    status_code=200,
    tags=["Manage"],
    summary="Erase an owner",
    response_description="What was deleted",
    opt={ACTION: Action.OWNER_ERASED},
    responses=problems(NotAuthenticated, NotAllowed, RequestInvalid),
)
async def erase(owner_id: OwnerId, request: ApiRequest, parts: ApiParts) -> ErasedOut:
    """Delete all images of a user, and forget its name but in the audit log. Bytes are purged in the background.

    Broken off, it can be said again, and goes on where it was; the answer then tells of the rest.
    """
    owner = word(owner_id, "the id")
    caller = await caller_of(request, parts)
    caller.needs(Scope.MANAGE, "erase owners")
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
