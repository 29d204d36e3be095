"""Sweep: remove objects that no record asks for, and what was retired long enough ago."""

from collections.abc import AsyncIterator, Collection, Sequence
from datetime import datetime, timedelta

from safelight.domain import keys
from safelight.domain.errors import ObjectMissing, StorageFailed
from safelight.domain.image import BYTES_NEEDED, BYTES_OWED, Image, Rendition, State
from safelight.ports.clock import Clock
from safelight.ports.object_store import ObjectStore, StoredObject
from safelight.ports.records import Records
from safelight.upkeep.batches import all_of, batches
from safelight.upkeep.sides import EVER
from safelight.upkeep.turns import EVERYTHING

REMOVED_AT_ONCE = 16
"""Each takes two round trips to the store, and every upload ends so."""

IN_WORK = frozenset({State.UPLOADED, State.PROCESSING})
"""States in which nothing of an image is removed: a worker may be about to store the very same object.

What a killed worker stored, and the next stores again, has the same key. A removal may take its time on the way to the
store, and would come after the second. Once the image is at its end, nobody stores what no row names.
"""


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
    default as long as `grace`), because pages, caches and signed URLs may lead to it; and any rendition while its image
    is in work, or to be rendered again. Only keys that begin with one of
    the `prefixes` are looked at.

    Raises StorageFailed at the end where an orphan could not be removed: it does not keep the others.
    """
    now = clock.now()
    await _forget_retired(records, now - (grace if retired_for is None else retired_for), batch)
    before = now - grace
    removal = _Removal(objects, before)
    orphans = find_orphans(records=records, objects=objects, before=before, batch=batch, prefixes=prefixes)
    async for some in batches(orphans, batch):
        await all_of(map(removal.remove, some), REMOVED_AT_ONCE)
    if removal.failures:
        raise removal.failures[0]
    return removal.removed


async def _forget_retired(records: Records, before: datetime, batch: int) -> None:
    forgotten = batch
    while forgotten == batch:
        async with records.transaction() as tx:
            forgotten = await tx.forget_retired(before, limit=batch)


class _Removal:
    """Removes orphans written before that moment, and knows how many, and what went wrong."""

    def __init__(self, objects: ObjectStore, before: datetime) -> None:
        self._objects = objects
        self._before = before
        self.removed = 0
        self.failures: list[StorageFailed] = []

    async def remove(self, orphan: StoredObject) -> None:
        """Remove the object, unless it was written anew since it was listed: then somebody wants it.

        In a bucket the same bytes have the same ETag: only their time tells that they were written again.
        """
        try:
            stored = await self._objects.head(orphan.key)
            if stored.etag == orphan.etag and stored.modified_at < self._before:
                await self._objects.delete(orphan.key)
                self.removed += 1
        except ObjectMissing:
            pass
        except StorageFailed as error:
            self.failures.append(error)


async def find_orphans(
    *, records: Records, objects: ObjectStore, before: datetime, batch: int, prefixes: Sequence[str] = EVERYTHING
) -> AsyncIterator[StoredObject]:
    """Yield the objects written before that moment that no record asks for. Changes nothing."""
    for prefix in prefixes:
        async for some in batches(objects.list(prefix), batch):
            for orphan in await _orphans(some, records, before):
                yield orphan


async def _orphans(some: Collection[StoredObject], records: Records, before: datetime) -> list[StoredObject]:
    old = {stored.key: stored for stored in some if stored.modified_at < before}
    owners = {key: image_id for key in old if (image_id := keys.image_of(key)) is not None}
    async with records.reading() as snapshot:
        images = await snapshot.images(set(owners.values()))
        renditions = await snapshot.renditions_of(set(owners.values()), retired_since=EVER)
    return [
        old[key]
        for key, image_id in owners.items()
        if not _wanted(old[key], images.get(image_id), renditions.get(image_id, ()), before)
    ]


def _wanted(stored: StoredObject, image: Image | None, renditions: Collection[Rendition], before: datetime) -> bool:
    if image is None or image.purged_at is not None:
        return False
    if stored.key.startswith(keys.INCOMING):
        return image.state in BYTES_NEEDED or image.expires_at > before
    if image.state in BYTES_OWED:
        return False
    if stored.key == keys.original(image.id):
        return image.original_kept or image.state in BYTES_NEEDED
    if image.state in IN_WORK or image.reprocess_wanted_at is not None:
        return True
    return stored.key in {keys.rendition(one, public=image.public) for one in renditions}
