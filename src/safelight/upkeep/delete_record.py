"""Delete what is attached to a record of the application."""

from dataclasses import dataclass

from safelight.deeds.occasion import Occasion
from safelight.deeds.remove import remove_images
from safelight.domain.events import Action, Origin, record_target
from safelight.domain.image import Attachment
from safelight.ports.clock import Clock, Ids
from safelight.ports.records import Records
from safelight.ports.signals import Signals


@dataclass(frozen=True, slots=True)
class Removed:
    """How many images were deleted, and their bytes as they were sent."""

    images: int
    bytes: int


async def delete_record(
    target: Attachment,
    origin: Origin,
    *,
    records: Records,
    signals: Signals,
    clock: Clock,
    ids: Ids,
    told: bool,
    batch: int,
) -> Removed:
    """Delete every image at the record, of every kind, on its way or ready; their bytes are purged in the background.

    At most `batch` in each transaction, so that others write in between; broken off, it can be done again. `told` as in
    `finalize_image`.
    """
    async with records.reading() as snapshot:
        waiting = [image.id for image in await snapshot.attached(target)]
    images = size = 0
    while True:
        some, waiting = waiting[:batch], waiting[batch:]
        occasion = Occasion(origin, clock.now(), ids, told)
        async with records.transaction() as tx:
            await tx.places.hold([target])
            known = await tx.images(some)
            removed = await remove_images((one for one in known.values() if one.attached_to == target), occasion, tx)
            images += len(removed)
            size += sum(image.declared_bytes for image in removed)
            if not waiting:
                await tx.places.forget(target)
                event = origin.event(
                    Action.RECORD_DELETED, at=occasion.at, target=record_target(target), result=f"{images} images"
                )
                await tx.audit(event)
        for image in removed:
            await signals.changed(image.id)
        if not waiting:
            return Removed(images, size)
