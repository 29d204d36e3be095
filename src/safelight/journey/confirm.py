"""3 CONFIRM: the client says that its bytes are there. Record and job change together."""

from contextlib import suppress

from safelight.deeds.parts import parts_under_way
from safelight.domain import keys
from safelight.domain.errors import (
    ImageGone,
    NothingUploaded,
    ObjectChanged,
    ObjectMissing,
    OwnerBlocked,
    PartsMissing,
    PartsMoving,
    Refused,
    SizeDiffers,
    WrongState,
)
from safelight.domain.events import Action, Origin
from safelight.domain.image import GONE, Image, State
from safelight.domain.jobs import ProcessImage
from safelight.ports.clock import Clock
from safelight.ports.multipart import StoredPart
from safelight.ports.object_store import ObjectStore, StoredObject
from safelight.ports.records import Changes, Records
from safelight.ports.signals import Signals

MOST_NAMED = 100
"""Missing parts that a refusal names. All are told by `see_parts`."""


async def confirm_upload(
    image: Image, origin: Origin, *, records: Records, objects: ObjectStore, signals: Signals, clock: Clock
) -> Image:
    """See that the bytes came, and queue the work. A second confirm changes nothing.

    Parts that have all come become the object first; killed after that, the next confirm finds it.
    Raises ImageGone, OwnerBlocked, NothingUploaded, PartsMissing, PartsMoving, SizeDiffers.
    """
    if image.state is not State.REQUESTED:
        return _still_there(image)
    await _see_unblocked(image, records)
    attempt = await _uploaded_attempt(image, objects)

    now = clock.now()
    changes = Changes(upload_attempt=attempt, next_attempt_at=now)
    try:
        async with records.transaction() as tx:
            confirmed = await tx.move(image.id, was=State.REQUESTED, now=State.UPLOADED, changes=changes)
            await tx.owners.see_unblocked(image.owner)
            await tx.enqueue(ProcessImage(image.id), run_at=now)  # as the record says: reconcile queues no second one
            await tx.audit(origin.event(Action.CONFIRMED, at=now, image=image))
    except WrongState:
        async with records.glance() as snapshot:
            return _still_there(await snapshot.image(image.id))
    await signals.changed(image.id)
    return confirmed


async def _see_unblocked(image: Image, records: Records) -> None:
    """Raise OwnerBlocked before anything is said of the bytes; the transaction sees it once more, to be exact."""
    if image.owner is not None:
        async with records.glance() as snapshot:
            if (await snapshot.owner(image.owner)).blocked_at is not None:
                raise OwnerBlocked


async def _uploaded_attempt(image: Image, objects: ObjectStore) -> int:
    """Return the latest attempt whose bytes came."""
    nothing: Refused = NothingUploaded(image_id=image.id)
    for attempt in range(image.upload_attempt, 0, -1):
        try:
            stored = await _uploaded(image, attempt, objects)
        except ObjectMissing:
            continue
        except (PartsMissing, PartsMoving) as missing:
            nothing = missing
            continue
        if stored.bytes != image.declared_bytes:
            raise SizeDiffers(declared=image.declared_bytes, stored=stored.bytes)
        return attempt
    raise nothing


async def _uploaded(image: Image, attempt: int, objects: ObjectStore) -> StoredObject:
    """Return what came at an attempt. Raises ObjectMissing; PartsMissing, PartsMoving for parts that do not suffice."""
    key = keys.incoming_of(image, attempt)
    try:
        return await objects.head(key)
    except ObjectMissing:
        if attempt != image.upload_attempt or image.multipart_id is None or objects.multipart is None:
            raise  # where parts are no longer taken, none can become the object
    with suppress(ObjectMissing):  # completed by another call at this very moment, or given up
        await _complete(image, objects)
    return await objects.head(key)


async def _complete(image: Image, objects: ObjectStore) -> None:
    """Put an upload's parts together, if they have all come. Raises ObjectMissing, PartsMissing, PartsMoving."""
    upload = parts_under_way(image, objects)
    came = await upload.came()
    missing = [number for number in upload.division.numbers if number not in came]
    if missing:
        raise PartsMissing(image.id, len(missing), upload.division.count, tuple(missing[:MOST_NAMED]))
    try:
        await upload.multipart.complete(upload.key, upload.multipart_id, sorted(came.values(), key=_number))
    except ObjectChanged:
        raise PartsMoving(image_id=image.id) from None


def _number(part: StoredPart) -> int:
    return part.number


def _still_there(image: Image) -> Image:
    if image.state in GONE:
        raise ImageGone(image_id=image.id, state=image.state)
    return image
