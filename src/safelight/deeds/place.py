"""Keep the places of the application's records: how many images are there, and which of them is shown."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from safelight.deeds.occasion import Occasion
from safelight.deeds.remove import remove_images
from safelight.domain.errors import RecordFull
from safelight.domain.image import Attachment, Image, ImageId, State
from safelight.domain.kind import Kind
from safelight.ports.records import Transaction

Places = Mapping[tuple[str, str], Sequence[Image]]
"""What is at the places of one kind, by type and id of the record."""

REPLACED = "replaced"
"""What the audit log says of an image that a later one took the place of."""


async def find_room(target: Attachment, kind: Kind, tx: Transaction) -> int:
    """Lock a place for one more image, and return the position after the last one there.

    Raises RecordFull where `at_most` images are there that are not over, on their way or ready.
    """
    there = await tx.places.lock(target, kind.name)
    see_room(there, kind)
    return position_after(there)


def see_room(there: Sequence[Image], kind: Kind) -> None:
    """Raise RecordFull where a place with these images takes no more."""
    if kind.at_most is not None and len(there) >= kind.at_most:
        raise RecordFull(kind.name, kind.at_most)


def position_after(there: Sequence[Image]) -> int:
    """Return the position after the last of the images at a place."""
    return there[-1].position + 1 if there else 0


async def hold_place(image_id: ImageId, tx: Transaction) -> None:
    """Lock the place that an image is at, before anything else is changed: always in this order, nobody waits in vain.

    So `settle_place` finds there what there is.
    """
    await lock_places(await tx.places.stay(image_id), (), tx)


async def lock_places(image: Image, others: Collection[Attachment], tx: Transaction) -> Places:
    """Lock the place of an image that stays where it is, and other places of its kind, then all images there.

    Return what is at each place.
    """
    wanted = {(one.type, one.id): one for one in (*others, image.attached_to) if one is not None}
    there = {name: await tx.places.lock(target, image.kind) for name, target in sorted(wanted.items())}
    await tx.hold({image.id, *(one.id for some in there.values() for one in some)})
    return there


async def settle_place(image: Image, occasion: Occasion, tx: Transaction) -> frozenset[ImageId]:
    """See that only one image is ready where a record has one, now that `image` is; return which were deleted.

    The one that was attached last stays, whoever became ready first: so `image` may be among those deleted, and is not
    news then. For whoever makes an image of a `one_per_record` kind ready (FINALIZE, REVIEW), or attaches one that is,
    in the same transaction and after `hold_place`.
    """
    if image.attached_to is None:
        return frozenset()
    there = await tx.places.lock(image.attached_to, image.kind)
    *superseded, _last = sorted((one for one in there if one.state is State.READY), key=when_attached)
    if superseded:
        await tx.owners.hold({one.owner for one in (image, *superseded) if one.owner is not None})
    removed = await remove_images(superseded, occasion, tx, result=REPLACED)
    return frozenset(one.id for one in removed)


def when_attached(image: Image) -> tuple[datetime, ImageId]:
    """Return what the order of attaching goes by. Nothing is attached before it is created."""
    return (image.attached_at or image.created_at, image.id)
