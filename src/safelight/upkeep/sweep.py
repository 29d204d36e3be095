"""Sweep: remove objects that no record asks for, and what was retired long enough ago."""

from collections import Counter
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain

from safelight.domain import keys
from safelight.domain.errors import SafelightError
from safelight.domain.image import BYTES_NEEDED, BYTES_OWED, Image, ImageId, Rendition, State
from safelight.domain.keys import Key
from safelight.ports.clock import Clock
from safelight.ports.object_store import ObjectStore, StoredObject
from safelight.ports.records import Records
from safelight.upkeep.batches import all_of, batches
from safelight.upkeep.sides import EVER, clear_at_once
from safelight.upkeep.turns import EVERYTHING

REMOVED_AT_ONCE = 16
"""Each takes a round trip to the store, and every upload ends so."""


@dataclass(frozen=True, slots=True)
class Orphan:
    """An object that no record asks for."""

    key: Key
    ready: ImageId | None
    """Its image, where that is ready and may come to ask for the very same object again; of no other an image does."""


async def sweep_orphans(
    *,
    records: Records,
    objects: ObjectStore,
    clock: Clock,
    grace: timedelta,
    batch: int,
    retired_for: timedelta | None = None,
    prefixes: Sequence[str] = EVERYTHING,
) -> int:
    """Remove orphans and return how many there were. Objects younger than `grace` are left: their record may come.

    Incoming bytes stay until the upload URL has ended and `grace` has passed: until then it could write them anew. What
    is not named as we name objects is not ours, and stays. A rendition that was retired stays for `retired_for` (by
    default as long as `grace`), because pages, caches and signed URLs may lead to it. Only keys that begin with one of
    the `prefixes` are looked at.

    Raises at the end what kept an orphan from being removed: it does not keep the others.
    """
    now = clock.now()
    await _forget_retired(records, now - (grace if retired_for is None else retired_for), batch)
    removal = _Removal(records, objects, clock)
    orphans = find_orphans(records=records, objects=objects, before=now - grace, batch=batch, prefixes=prefixes)
    async for some in batches(orphans, batch):
        by_image = Counter(orphan.ready for orphan in some)
        cleared = (removal.clear(image_id, count) for image_id, count in by_image.items() if image_id is not None)
        removed = (removal.remove(orphan.key) for orphan in some if orphan.ready is None)
        await all_of(chain(removed, cleared), REMOVED_AT_ONCE)
    if removal.failures:
        raise removal.failures[0]
    return removal.removed


async def _forget_retired(records: Records, before: datetime, batch: int) -> None:
    forgotten = batch
    while forgotten == batch:
        async with records.transaction() as tx:
            forgotten = await tx.forget_retired(before, limit=batch)


class _Removal:
    """Removes orphans, and knows how many, and what went wrong."""

    def __init__(self, records: Records, objects: ObjectStore, clock: Clock) -> None:
        self._records = records
        self._objects = objects
        self._clock = clock
        self.removed = 0
        self.failures: list[SafelightError] = []

    async def remove(self, key: Key) -> None:
        """Remove what nobody can ever ask for again."""
        try:
            await self._objects.delete(key)
        except SafelightError as error:
            self.failures.append(error)
        else:
            self.removed += 1

    async def clear(self, image_id: ImageId, count: int) -> None:
        """Remove so many orphans of a ready image, unless somebody is at it, who removes them, too."""
        try:
            if await clear_at_once(image_id, records=self._records, objects=self._objects, clock=self._clock):
                self.removed += count
        except SafelightError as error:
            self.failures.append(error)


async def find_orphans(
    *, records: Records, objects: ObjectStore, before: datetime, batch: int, prefixes: Sequence[str] = EVERYTHING
) -> AsyncIterator[Orphan]:
    """Yield the objects written before that moment that no record asks for. Changes nothing."""
    for prefix in prefixes:
        async for some in batches(objects.list(prefix), batch):
            for orphan in await _orphans(some, records, before):
                yield orphan


async def _orphans(some: Collection[StoredObject], records: Records, before: datetime) -> list[Orphan]:
    old = {stored.key for stored in some if stored.modified_at < before}
    owners = {key: image_id for key in old if (image_id := keys.image_of(key)) is not None}
    async with records.reading() as snapshot:
        images = await snapshot.images(set(owners.values()))
        renditions = await snapshot.renditions_of(set(owners.values()), retired_since=EVER)
    return [
        Orphan(key, image_id if _may_come_again(key, images.get(image_id)) else None)
        for key, image_id in owners.items()
        if not _wanted(key, images.get(image_id), renditions.get(image_id, ()), before)
    ]


def _wanted(key: Key, image: Image | None, renditions: Collection[Rendition], before: datetime) -> bool:
    if image is None or image.purged_at is not None:
        return False
    if key.startswith(keys.INCOMING):
        return image.state in BYTES_NEEDED or image.expires_at > before
    if image.state in BYTES_OWED:
        return False
    if key == keys.original(image.id):
        return image.original_kept or image.state in BYTES_NEEDED
    if image.state is not State.READY or image.reprocess_wanted_at is not None:
        return True  # the next worker may be about to store the same
    return key in {keys.rendition(one, public=image.public) for one in renditions}


def _may_come_again(key: Key, image: Image | None) -> bool:
    """Whether it is a rendition of a ready image: a reader may ask for one, or the image be rendered anew or moved."""
    if image is None or image.state is not State.READY:
        return False
    return not key.startswith(keys.INCOMING) and key != keys.original(image.id)
