"""Move: bring every object that is wanted from one store to another, while images come and go.

A pass may be repeated, broken off and begun again: what is there already is not copied twice. The records say what is
wanted, so that nothing comes back that was deleted or made protected meanwhile.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

from safelight.domain import keys
from safelight.domain.errors import ObjectMissing, SafelightError
from safelight.domain.image import BYTES_NEEDED, BYTES_OWED, Image, State
from safelight.ports.clock import Clock
from safelight.ports.object_store import ObjectStore, ReceivingStore, StoredObject
from safelight.ports.records import Records
from safelight.upkeep.batches import all_of, batches
from safelight.upkeep.sides import clear_at_once
from safelight.upkeep.transfer import differs, transfer

AREAS = (keys.INCOMING, keys.PRIVATE, keys.PUBLIC)


class Fate(StrEnum):
    """What became of one object."""

    COPIED = "copied"
    """It is in the new store, and was compared with the old one."""
    THERE = "there"
    """It was in the new store already."""
    UNWANTED = "unwanted"
    """No record asks for it any more, or it vanished meanwhile."""
    UNKNOWN = "unknown"
    """There is no record of its image."""
    FAILED = "failed"
    """It could not be copied, or is not what its record says."""


@dataclass(frozen=True, slots=True)
class Moved:
    """One object and its fate; `words` say what is wrong where it failed."""

    stored: StoredObject
    fate: Fate
    words: str = ""


@dataclass(frozen=True, slots=True)
class Copying:
    """How to copy: `parallel` objects at once, the records of `batch` objects in one query.

    With `verify`, what is there already is read in both stores, and compared.
    """

    parallel: int
    batch: int
    verify: bool = False


async def count_objects(source: ObjectStore) -> tuple[int, int]:
    """Return how many objects there are, and their bytes. Raises StorageFailed."""
    objects = total = 0
    for area in AREAS:
        async for stored in source.list(area):
            objects += 1
            total += stored.bytes
    return objects, total


async def copy_objects(
    source: ObjectStore, target: ReceivingStore, *, records: Records, how: Copying, told: Callable[[Moved], None]
) -> None:
    """Copy what the records want and the target has not, and tell the fate of each object of the source.

    Incoming bytes are wanted as long as their image may be made from them. Raises StorageFailed where the source cannot
    be listed.
    """

    async def copy(stored: StoredObject, image: Image | None) -> None:
        told(await _moved(stored, image, source, target, verify=how.verify))

    for area in AREAS:
        async for some in batches(source.list(area), how.batch):
            images = await _images(some, records)
            await all_of((copy(stored, images.get(stored.key)) for stored in some), how.parallel)


async def clear_unwanted(
    target: ObjectStore, both: ObjectStore, *, records: Records, clock: Clock, how: Copying
) -> int:
    """Remove from the target what its record says is gone since it was copied; return how many objects.

    `both` are the two stores as one. What has no record is left to the sweep: beside the wrong records, nothing must be
    lost. Raises StorageFailed.
    """
    cleared = 0
    for area in AREAS:
        async for some in batches(target.list(area), how.batch):
            images = await _images(some, records)
            gone = [stored for stored in some if stored.key in images and _is_gone(images[stored.key])]
            await all_of((target.delete(stored.key) for stored in gone), how.parallel)
            strayed = [stored for stored in some if stored.key in images and _strays(stored, images[stored.key])]
            for image_id in {images[stored.key].id for stored in strayed}:
                await clear_at_once(image_id, records=records, objects=both, clock=clock)
            cleared += len(gone) + len(strayed)
    return cleared


async def _moved(
    stored: StoredObject, image: Image | None, source: ObjectStore, target: ReceivingStore, *, verify: bool
) -> Moved:
    if image is None or not _is_wanted(stored, image):
        return Moved(stored, Fate.UNKNOWN if image is None else Fate.UNWANTED)
    try:
        if await _is_there(stored, source, target, verify=verify):
            return Moved(stored, Fate.THERE)
        await transfer(stored.key, source, target, sha256=_sha256(stored, image))
    except ObjectMissing:
        return Moved(stored, Fate.UNWANTED)
    except SafelightError as error:
        return Moved(stored, Fate.FAILED, str(error))
    return Moved(stored, Fate.COPIED)


async def _is_there(stored: StoredObject, source: ObjectStore, target: ObjectStore, *, verify: bool) -> bool:
    try:
        landed = await target.head(stored.key)
    except ObjectMissing:
        return False
    return landed.bytes == stored.bytes and not (verify and await differs(stored.key, source, target))


def _is_wanted(stored: StoredObject, image: Image) -> bool:
    if _is_gone(image):
        return False
    if stored.key.startswith(keys.INCOMING):
        return image.state in BYTES_NEEDED
    if stored.key == keys.original(image.id):
        return image.original_kept or image.state in BYTES_NEEDED
    return stored.key.startswith(keys.folder(image.id, public=image.public))


def _is_gone(image: Image) -> bool:
    return image.state in BYTES_OWED or image.purged_at is not None


def _strays(stored: StoredObject, image: Image) -> bool:
    """Whether a rendition lies on the side where it does not belong, and nobody is to clear that."""
    on_other_side = stored.key.startswith(keys.folder(image.id, public=not image.public))
    settled = image.state is State.READY and image.clear_due_at is None
    return settled and on_other_side and stored.key != keys.original(image.id)


def _sha256(stored: StoredObject, image: Image) -> str | None:
    """Return what the record knows of these bytes."""
    is_of_the_file = stored.key == keys.original(image.id)
    return image.verified.sha256 if image.verified and is_of_the_file else None


async def _images(some: Collection[StoredObject], records: Records) -> Mapping[keys.Key, Image]:
    """Return the image of each object that has one."""
    owners = {stored.key: image_id for stored in some if (image_id := keys.image_of(stored.key)) is not None}
    async with records.reading() as snapshot:
        images = await snapshot.images(set(owners.values()))
    return {key: images[image_id] for key, image_id in owners.items() if image_id in images}
