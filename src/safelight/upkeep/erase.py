"""Erase an owner: delete all of its images, and its name wherever it stands but in the audit log."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from safelight.deeds.occasion import Occasion
from safelight.deeds.remove import remove_images
from safelight.domain.events import Action, Origin, owner_target
from safelight.domain.image import Image
from safelight.ports.clock import Clock, Ids
from safelight.ports.records import Records, Transaction
from safelight.ports.signals import Signals
from safelight.ports.snapshot import AuditFilter, ImageFilter


@dataclass(frozen=True, slots=True)
class Erased:
    """What was deleted: images with their bytes as they were sent, renditions, answers kept for repeated calls.

    `audit_events` tell of the owner and its images; they stay until their retention ends.
    """

    owner: str
    images: int = 0
    bytes: int = 0
    renditions: int = 0
    answers: int = 0
    audit_events: int = 0


async def erase_owner(
    owner_id: str,
    origin: Origin,
    *,
    records: Records,
    signals: Signals,
    clock: Clock,
    ids: Ids,
    told: bool,
    batch: int,
) -> Erased:
    """Delete every image that the owner has by now, and forget whose they were, and what they were attached to.

    Their bytes are purged in the background. At most `batch` images in each transaction, so that others write in
    between; broken off, it can be done again, and goes on where it was: the report is of the rest then. `told` as in
    `finalize_image`.
    """
    erased, after = Erased(owner_id), None
    while True:
        occasion = Occasion(origin, clock.now(), ids, told)
        async with records.transaction() as tx:
            some = await tx.page(ImageFilter(owner=owner_id), after=after, limit=batch)
            await tx.places.hold({image.attached_to for image in some if image.attached_to is not None})
            removed = await remove_images(some, occasion, tx)
            erased = await _counted(erased, removed, tx)
            await _forget(owner_id, some, tx)
            if not some:
                return await _conclude(erased, occasion, tx)
        for image in removed:
            await signals.changed(image.id)
        after = some[-1].id


async def _counted(erased: Erased, removed: Sequence[Image], tx: Transaction) -> Erased:
    stored = await tx.renditions_of([image.id for image in removed])
    return replace(
        erased,
        images=erased.images + len(removed),
        bytes=erased.bytes + sum(image.declared_bytes for image in removed),
        renditions=erased.renditions + sum(map(len, stored.values())),
    )


async def _forget(owner_id: str, some: Sequence[Image], tx: Transaction) -> None:
    """Forget whose these images were, now that they are over, and places that nothing else is at."""
    ids = [image.id for image in some]
    known = (await tx.images(ids)).values()  # until they were locked, they could be attached elsewhere
    await tx.owners.forget(owner_id, ids)
    for target in {image.attached_to for image in known if image.attached_to is not None}:
        await tx.places.forget(target)


async def _conclude(erased: Erased, occasion: Occasion, tx: Transaction) -> Erased:
    """Drop what was answered to the owner, and note what was done."""
    answers = await tx.answers.forget_owner(erased.owner)
    event = occasion.origin.event(
        Action.OWNER_ERASED,
        at=occasion.at,
        owner=erased.owner,
        target=owner_target(erased.owner),
        result=f"{erased.images} images",
    )
    await tx.audit(event)
    events = await tx.audit_count(AuditFilter(owner=erased.owner))
    return replace(erased, answers=answers, audit_events=events)
