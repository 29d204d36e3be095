"""ASSOCIATE: attach an image to a record of the application, in an order, and in the place of another where need be."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from safelight.deeds.block import see_unblocked_for
from safelight.deeds.occasion import Occasion
from safelight.deeds.place import lock_places, position_after, see_room, settle_place, when_attached
from safelight.domain.errors import KindDiffers
from safelight.domain.events import Action, Origin, record_target
from safelight.domain.image import Attachment, Image, ImageId, State
from safelight.domain.kind import Kind
from safelight.ports.clock import Clock, Ids
from safelight.ports.records import Records, Transaction
from safelight.ports.signals import Signals

A_MOMENT = timedelta(microseconds=1)
"""What tells two moments apart in the records."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Where an image is to be: `position` counts from 0; None is after the last, or where it is already."""

    target: Attachment
    kind: Kind
    position: int | None = None


async def attach_image(
    image_id: ImageId,
    wanted: Wanted,
    origin: Origin,
    *,
    records: Records,
    signals: Signals,
    clock: Clock,
    ids: Ids,
    told: bool,
) -> None:
    """Attach an image, from wherever it was attached before; or give it another position.

    Where a record has one image of this kind, a ready one takes the place of the one before at once, and one that is on
    its way as soon as it is ready. `told` as in `finalize_image`. Raises KindDiffers, RecordFull, OwnerBlocked,
    WrongState where the image is over, ImageNotFound.
    """
    kind = wanted.kind
    async with records.transaction() as tx:
        image = await tx.places.stay(image_id)
        if image.kind != kind.name:
            raise KindDiffers(image_id, image.kind, kind.name)
        places = await lock_places(image, [wanted.target], tx)
        there = places[wanted.target.type, wanted.target.id]
        if all(one.id != image_id for one in there):
            see_room(there, kind)
        occasion = Occasion(origin, clock.now(), ids, told)
        attached = await _put(image, there, wanted, _after_all(there, occasion.at), tx)
        await tx.audit(origin.event(Action.ATTACHED, at=occasion.at, image=image, target=record_target(wanted.target)))
        replaced = frozenset[ImageId]()
        if kind.one_per_record and attached.state is State.READY:
            replaced = await settle_place(attached, occasion, tx)
        if image.attached_to not in {None, wanted.target}:
            await tx.places.forget(image.attached_to)
        await see_unblocked_for(origin.who, image, tx)
    for changed in {image_id} | replaced:
        await signals.changed(changed)


def _after_all(there: Sequence[Image], now: datetime) -> datetime:
    """Return when this is: after all that was attached there before, whatever the clocks of other hosts say."""
    last = max((attached for attached, _ in map(when_attached, there)), default=now - A_MOMENT)
    return max(now, last + A_MOMENT)


async def _put(image: Image, there: Sequence[Image], wanted: Wanted, at: datetime, tx: Transaction) -> Image:
    """Attach the image, and make room for it among the others where it goes between them."""
    others = [one.id for one in there if one.id != image.id]
    stays = next((one.position for one in there if one.id == image.id), position_after(there))
    attached = await tx.places.attach(image.id, wanted.target, position=stays, at=at)
    if wanted.position is not None:
        others.insert(wanted.position, image.id)
        await tx.places.arrange(others)
    return attached
