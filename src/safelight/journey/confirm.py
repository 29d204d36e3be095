"""3 CONFIRM: the client says that its bytes are there. Record and job change together."""

from contextlib import suppress

from safelight.domain import keys
from safelight.domain.errors import (
    ImageGone,
    NothingUploaded,
    ObjectMissing,
    OwnerBlocked,
    SizeDiffers,
    WrongState,
)
from safelight.domain.events import Action, Origin
from safelight.domain.image import GONE, Image, State
from safelight.domain.jobs import ProcessImage
from safelight.ports.clock import Clock
from safelight.ports.object_store import ObjectStore
from safelight.ports.records import Changes, Records
from safelight.ports.signals import Signals


async def confirm_upload(
    image: Image, origin: Origin, *, records: Records, objects: ObjectStore, signals: Signals, clock: Clock
) -> Image:
    """See that the bytes came, and queue the work. A second confirm changes nothing.

    Raises ImageGone, OwnerBlocked, NothingUploaded, SizeDiffers.
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
            await tx.enqueue(ProcessImage(image.id))
            await tx.audit(origin.event(Action.CONFIRMED, at=now, image=image))
    except WrongState:
        async with records.reading() as snapshot:
            return _still_there(await snapshot.image(image.id))
    await signals.changed(image.id)
    return confirmed


async def _see_unblocked(image: Image, records: Records) -> None:
    """Raise OwnerBlocked before anything is said of the bytes; the transaction sees it once more, to be exact."""
    if image.owner is not None:
        async with records.reading() as snapshot:
            if (await snapshot.owner(image.owner)).blocked_at is not None:
                raise OwnerBlocked


async def _uploaded_attempt(image: Image, objects: ObjectStore) -> int:
    """Return the latest attempt whose bytes came."""
    for attempt in range(image.upload_attempt, 0, -1):
        with suppress(ObjectMissing):
            stored = await objects.head(keys.incoming_of(image, attempt))
            if stored.bytes != image.declared_bytes:
                raise SizeDiffers(declared=image.declared_bytes, stored=stored.bytes)
            return attempt
    raise NothingUploaded(image_id=image.id)


def _still_there(image: Image) -> Image:
    if image.state in GONE:
        raise ImageGone(image_id=image.id, state=image.state)
    return image
