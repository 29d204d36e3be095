"""Whether records and objects agree: a sample of the ready images, and a look for orphans."""

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from safelight.adapters.records.snapshot import SqlSnapshot
from safelight.adapters.records.store import Database, SqlRecords
from safelight.adapters.records.tables import in_state
from safelight.apps.asked import PAGE, asked_of
from safelight.apps.doctor.chance import by_chance
from safelight.apps.doctor.finding import ALL, Finding, Visit, fine, warning, wrong
from safelight.apps.storage import OBJECTS_FOLDER, open_store
from safelight.domain.errors import ObjectMissing, StorageFailed
from safelight.domain.image import Image, Rendition, State
from safelight.domain.keys import Key
from safelight.ports.object_store import ObjectStore, ReceivingStore
from safelight.ports.snapshot import ImageFilter
from safelight.upkeep.batches import all_of
from safelight.upkeep.sweep import find_orphans

Ready = Sequence[tuple[Image, Collection[Rendition]]]

SAMPLE = 200
"""Ready images, by chance, whose objects are looked for."""

LOOKED_FOR_AT_ONCE = 8
"""Objects that are looked for at the same time."""

NAMED = 3
"""Keys that a finding names; the others are counted."""

ORPHANS_WITHIN_S = 10.0
"""How long to look for orphans: a large store takes longer, and its sweep sees to it. With `--whole`, to the end."""


async def bucket(visit: Visit) -> list[Finding]:
    """See that the bucket is there, and answers us. Of a folder there is nothing to say."""
    if visit.settings.storage_url is None:
        return []
    try:
        async with _objects(visit) as objects:
            await objects.check()
    except StorageFailed as error:
        return wrong("bucket", error.reason, f"{error.cure}. SAFELIGHT_STORAGE_URL names the bucket")
    return fine("bucket", f"{_where(visit)} answers")


async def missing_objects(visit: Visit, database: Database) -> list[Finding]:
    """See that what ready images need is there: a sample of them by chance, or with `--whole` all.

    Of a bucket that does not answer, nothing is told.
    """
    if not visit.bucket_answers:
        return []
    looked, is_all = _Looked(), True
    async with _objects(visit) if _is_there(visit) else nullcontext() as objects:
        if visit.whole:
            async for some in _all_ready(database):
                await looked.look(some, objects)
                visit.tell(f"objects: {looked.objects:,} of {looked.images:,} images looked for")
        else:
            some, is_all = await _some_ready(database)
            await looked.look(some, objects)
    whose = f"{looked.images:,} ready images{'' if is_all else f' by chance ({ALL})'} need"
    if not looked.missing.count:
        return fine("objects", f"all {looked.objects:,} that {whose} are there")
    return wrong(
        "objects",
        f"{looked.missing.count:,} of {looked.objects:,} that {whose} are missing: {looked.missing}",
        f"Copy them back into {_where(visit)} from your copy. Renditions can be made again where the original is "
        "there: safelight reprocess --all --kind KIND",
    )


async def orphans(visit: Visit, records: SqlRecords) -> list[Finding]:
    """Look for objects that no record asks for and that a sweep should have removed."""
    settings = visit.settings
    if not (visit.bucket_answers and _is_there(visit)):
        return []
    turns = timedelta(0) if settings.storage_url is None else settings.sweep_whole_every  # of a bucket's parts
    grace = max(settings.orphan_grace, settings.body_timeout) + 2 * max(settings.sweep_every, turns)
    found, whole = await _orphans(visit, records, grace)
    where = "" if whole else f" in what {ORPHANS_WITHIN_S:.0f} s were enough to see ({ALL})"
    if not found.count:
        return fine("orphans", f"no object without a record{where}")
    return warning(
        "orphans",
        f"{found.count:,} objects that no record asks for{where}: {found}",
        "Was an older database restored just now? Then these are later images: copy them away before the server "
        "runs, for its sweep removes them. Otherwise let it run: safelight up",
    )


@dataclass(slots=True)
class _Found:
    """Keys that were found: how many, and the first of them, however many there are."""

    count: int = 0
    first: list[Key] = field(default_factory=list)

    def add(self, *keys: Key) -> None:
        """Add some more."""
        self.count += len(keys)
        self.first += keys[: NAMED - len(self.first)]

    def __str__(self) -> str:
        """Name the first, and say how many more there are."""
        return ", ".join(self.first) + (f" and {self.count - NAMED:,} more" if self.count > NAMED else "")


@dataclass(slots=True)
class _Looked:
    """How many images were looked at, how many objects they need, and which of these are missing."""

    images: int = 0
    objects: int = 0
    missing: _Found = field(default_factory=_Found)

    async def look(self, some: Ready, objects: ObjectStore | None) -> None:
        """Look for what these images need; without a store all of it is missing."""
        asked = [one.key for image, renditions in some for one in asked_of(image, renditions)]
        self.images, self.objects = self.images + len(some), self.objects + len(asked)
        if objects is None:
            self.missing.add(*asked)
        else:
            await all_of((self._look_for(key, objects) for key in asked), LOOKED_FOR_AT_ONCE)

    async def _look_for(self, key: Key, objects: ObjectStore) -> None:
        try:
            await objects.head(key)
        except ObjectMissing:
            self.missing.add(key)


async def _some_ready(database: Database) -> tuple[Ready, bool]:
    """Return ready images by chance, and whether these are all."""
    async with database.reading() as connection:
        ids, is_all = await by_chance(in_state(State.READY), connection, most=SAMPLE)
        return await _ready((await SqlSnapshot(connection).images(ids)).values(), connection), is_all


async def _all_ready(database: Database) -> AsyncIterator[Ready]:
    """Yield all ready images, newest first, some at a time; no transaction is open in between."""
    after, which = None, ImageFilter(state=State.READY)
    while True:
        async with database.reading() as connection:
            page = await SqlSnapshot(connection).page(which, after=after, limit=PAGE)
            some = await _ready(page, connection)
        if not page:
            return
        yield some
        after = page[-1].id


async def _ready(images: Collection[Image], connection: AsyncConnection) -> Ready:
    renditions = await SqlSnapshot(connection).renditions_of([image.id for image in images])
    return [(image, renditions.get(image.id, ())) for image in images]


async def _orphans(visit: Visit, records: SqlRecords, grace: timedelta) -> tuple[_Found, bool]:
    """Return the keys that were found in time, and whether that were all."""
    found = _Found()
    async with _objects(visit) as objects:
        looking = find_orphans(
            records=records,
            objects=objects,
            before=visit.clock.now() - grace,
            batch=visit.settings.upkeep_batch,
        )
        try:
            async with asyncio.timeout(None if visit.whole else ORPHANS_WITHIN_S):
                async for orphan in looking:
                    found.add(orphan.key)
        except TimeoutError:
            return found, False
    return found, True


def _objects(visit: Visit) -> AbstractAsyncContextManager[ReceivingStore]:
    """Open the store: a bucket, or the folder."""
    return open_store(visit.settings.storage_url or str(visit.settings.data), visit.settings)


def _is_there(visit: Visit) -> bool:
    """Whether there is a store to look into."""
    return visit.settings.storage_url is not None or (visit.settings.data / OBJECTS_FOLDER).is_dir()


def _where(visit: Visit) -> str:
    """Return what the store is called."""
    bucket = visit.settings.storage_url
    return str(visit.settings.data / OBJECTS_FOLDER) if bucket is None else bucket.partition("?")[0]
