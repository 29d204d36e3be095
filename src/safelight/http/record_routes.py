"""The application's records, and which images they have."""

import asyncio
from collections.abc import Collection, Sequence
from typing import Annotated

from litestar import delete, get, put
from litestar.params import PathParameter

from safelight.deeds.place import when_attached
from safelight.deeds.remove import AT_ONCE
from safelight.domain import errors
from safelight.domain.errors import ImageNotFound, NotAllowed, NotAuthenticated, RequestInvalid
from safelight.domain.events import Action
from safelight.domain.image import Attachment, Image, ImageId, State
from safelight.domain.kind import Kind, Kinds
from safelight.domain.policy import owns
from safelight.domain.report import ImageReport
from safelight.domain.who import Role, Scope, Who
from safelight.http.audit import ACTION
from safelight.http.auth import ApiParts, ApiRequest, Caller, caller_of, find_image, rule_shows
from safelight.http.callers import WHO, By
from safelight.http.openapi import BODY, BODY_SHAPE, problems
from safelight.http.parts import Parts
from safelight.http.paths import RecordId, RecordType, record_in
from safelight.http.reports import report_of
from safelight.http.wire.parse import parse
from safelight.http.wire.records import AttachedOut, PlacedIn, RemovedOut
from safelight.journey.attach import Wanted, attach_image
from safelight.journey.check import Standing
from safelight.upkeep.delete_record import delete_record

KindName = Annotated[str, PathParameter(description="Name of the kind")]

SEE = "see the images of records"


@put(
    "/v1/records/{record_type:str}/{record_id:str}/{kind:str}",
    tags=["Associate"],
    summary="Attach an image to a record, or give it another position",
    response_description="What is there now",
    opt={WHO: (By.UPLOAD_KEY, By.UPLOADER), BODY_SHAPE: PlacedIn, ACTION: Action.ATTACHED},
    responses=problems(
        *BODY,
        NotAuthenticated,
        NotAllowed,
        errors.UnknownKind,
        ImageNotFound,
        errors.OwnerBlocked,
        errors.KindDiffers,
        errors.RecordFull,
        errors.WrongState,
    ),
)
async def attach(
    record_type: RecordType, record_id: RecordId, kind: KindName, request: ApiRequest, parts: ApiParts
) -> AttachedOut:
    """Attach it from wherever it was attached before. Without a `position` a new one is last, and others stay.

    Where a record has one image of this kind, a ready one takes the place of the one before, which is deleted at once;
    one that is on its way does so when it is ready. The image that was attached last stays. A user may attach its own
    images where the kind's rule would let it upload. A key without the scope `read` is told of the image alone.
    """
    target = record_in(record_type, record_id)
    caller = await caller_of(request, parts)
    data = parse(await request.body(), PlacedIn)
    await _see_that_it_may_attach(caller, ImageId(data.image_id), parts.kinds[kind], target, parts)
    with parts.metrics.step("attach"):
        await attach_image(
            ImageId(data.image_id),
            Wanted(target, parts.kinds[kind], data.position),
            caller.origin,
            records=parts.records,
            signals=parts.signals,
            clock=parts.clock,
            ids=parts.ids,
            told=parts.told,
        )
    return await _attached(target, kind, caller, parts, by_caller=ImageId(data.image_id))


@get(
    "/v1/records/{record_type:str}/{record_id:str}/{kind:str}",
    tags=["Associate"],
    summary="See the images of one kind at a record",
    response_description="What is there, in order",
    opt={WHO: (By.READ_KEY, By.USER), ACTION: Action.RECORD_READ},
    responses=problems(NotAuthenticated, NotAllowed, errors.UnknownKind, RequestInvalid),
)
async def place(
    record_type: RecordType, record_id: RecordId, kind: KindName, request: ApiRequest, parts: ApiParts
) -> AttachedOut:
    """Return the images that are ready, and those that are not. Where a record has one, `images` has at most one.

    A user gets those that are its own, that a rule lets it see, or that are public and ready.
    """
    target = record_in(record_type, record_id)
    caller = await caller_of(request, parts)
    caller.needs_unless_user(Scope.READ, SEE)
    return await _attached(target, parts.kinds[kind].name, caller, parts)


@get(
    "/v1/records/{record_type:str}/{record_id:str}",
    tags=["Associate"],
    summary="See all images at a record",
    response_description="What is there, by kind and in order",
    opt={WHO: (By.READ_KEY, By.USER), ACTION: Action.RECORD_READ},
    responses=problems(NotAuthenticated, NotAllowed, RequestInvalid),
)
async def record(record_type: RecordType, record_id: RecordId, request: ApiRequest, parts: ApiParts) -> AttachedOut:
    """Return the images of every kind that are ready, and those that are not. A user gets what it may see."""
    target = record_in(record_type, record_id)
    caller = await caller_of(request, parts)
    caller.needs_unless_user(Scope.READ, SEE)
    return await _attached(target, None, caller, parts)


@delete(
    "/v1/records/{record_type:str}/{record_id:str}",
    status_code=200,
    tags=["Associate"],
    summary="Delete all images at a record",
    response_description="What was deleted",
    opt={WHO: (By.MANAGE_KEY,), ACTION: Action.RECORD_DELETED},
    responses=problems(NotAuthenticated, NotAllowed, RequestInvalid),
)
async def remove_record(
    record_type: RecordType, record_id: RecordId, request: ApiRequest, parts: ApiParts
) -> RemovedOut:
    """Hide them at once, of every kind, ready or on their way, and purge their bytes in the background.

    For a record that the application deletes. Saying it again deletes what has come since.
    """
    target = record_in(record_type, record_id)
    caller = await caller_of(request, parts)
    caller.needs(Scope.MANAGE, "delete what is attached to records")
    with parts.metrics.step("delete_record"):
        removed = await delete_record(
            target,
            caller.origin,
            records=parts.records,
            signals=parts.signals,
            clock=parts.clock,
            ids=parts.ids,
            told=parts.told,
            batch=AT_ONCE,
        )
    return RemovedOut(removed.images, removed.bytes)


async def _see_that_it_may_attach(
    caller: Caller, image_id: ImageId, kind: Kind, target: Attachment, parts: Parts
) -> None:
    """Raise ImageNotFound where the image is not the user's, and NotAllowed where no rule lets it upload there."""
    caller.needs_unless_user(Scope.UPLOAD, "attach images")
    if caller.who.role is not Role.USER:
        return
    if not owns(caller.who, await find_image(image_id, parts)):
        raise ImageNotFound(image_id=image_id)
    if not await parts.policy.may_upload(kind, caller.who, target):
        raise NotAllowed(action=f"attach images of kind {kind.name!r} there")


async def _attached(
    target: Attachment, kind: str | None, caller: Caller, parts: Parts, *, by_caller: ImageId | None = None
) -> AttachedOut:
    """Return what the caller may be told of a record. `by_caller` is the image that it attached just now."""
    async with parts.records.reading() as snapshot:
        there = await snapshot.attached(target, kind)
        renditions = await snapshot.renditions_of([image.id for image in there])
    images, pending = shown_and_pending(there, parts.kinds)
    by_user = caller.who.role is Role.USER
    if not caller.who.may(Scope.READ):
        seen = await _visible_to(caller.who, there, parts) if by_user else {by_caller}
        images, pending = [[image for image in some if image.id in seen] for some in (images, pending)]

    def reports(some: Sequence[Image]) -> Sequence[ImageReport]:
        return [
            report_of(Standing(image, renditions.get(image.id, ())), parts, to_application=not by_user)
            for image in some
        ]

    return AttachedOut(reports(images), reports(pending))


async def _visible_to(who: Who, there: Sequence[Image], parts: Parts) -> Collection[ImageId | None]:
    visible = await asyncio.gather(*(_may_see(who, image, parts) for image in there))
    return {image.id for image, is_visible in zip(there, visible, strict=True) if is_visible}


async def _may_see(who: Who, image: Image, parts: Parts) -> bool:
    shown_to_all = image.public and image.state is State.READY
    return shown_to_all or owns(who, image) or await rule_shows(who, image, parts)


def shown_and_pending(there: Sequence[Image], kinds: Kinds) -> tuple[Sequence[Image], Sequence[Image]]:
    """Tell the images that are ready from those that are not.

    Of a kind of which a record has one, only that which was attached last is shown: there may be more of the time
    before the kind was declared so.
    """
    ready = [image for image in there if image.state is State.READY]
    last = {image.kind: image.id for image in sorted(ready, key=when_attached)}
    alone = {name for name in last if name in kinds and kinds[name].one_per_record}
    shown = [image for image in ready if image.kind not in alone or last[image.kind] == image.id]
    return shown, [image for image in there if image.state is not State.READY]
