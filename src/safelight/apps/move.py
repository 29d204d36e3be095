"""Moves the objects from one store to another, beside running servers or without one."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from safelight.adapters.metrics import PrometheusMetrics
from safelight.adapters.mirror.object_store import MirroredStore
from safelight.adapters.system import SystemClock
from safelight.apps.asked import Asked, asked_of
from safelight.apps.data_folder import DataNotReady, database_in
from safelight.apps.database import open_database
from safelight.apps.storage import OBJECTS_FOLDER, is_bucket, open_store
from safelight.domain.errors import ObjectMissing
from safelight.domain.image import ImageId
from safelight.domain.keys import Key
from safelight.ports.object_store import ObjectStore
from safelight.ports.records import Records
from safelight.ports.snapshot import ImageFilter
from safelight.settings import Settings
from safelight.upkeep.batches import all_of
from safelight.upkeep.move import Copying, Fate, Moved, clear_unwanted, copy_objects, count_objects


@dataclass
class Passed:
    """What came of one pass: how many objects had which fate, and the bytes that were copied.

    `cleared` objects were removed from the new store, since they are gone. `missing` are those that a record asks for
    and neither store has, None where that was not looked at; `late` ones came to the old store meanwhile.
    """

    fates: Counter[Fate] = field(default_factory=Counter)
    copied_bytes: int = 0
    failures: list[Moved] = field(default_factory=list)
    cleared: int = 0
    missing: list[Key] | None = None
    late: int = 0

    def add(self, moved: Moved) -> None:
        """Count one object."""
        self.fates[moved.fate] += 1
        if moved.fate is Fate.COPIED:
            self.copied_bytes += moved.stored.bytes
        if moved.fate is Fate.FAILED:
            self.failures.append(moved)

    @property
    def is_whole(self) -> bool:
        """Whether nothing went wrong, and nothing is known to be missing."""
        return not self.failures and not self.missing and not self.is_of_other_records

    @property
    def is_of_other_records(self) -> bool:
        """Whether there are objects, and the records know the image of none: they are probably not the right ones."""
        return 0 < self.fates[Fate.UNKNOWN] == self.fates.total()


@dataclass(frozen=True, slots=True)
class Progress:
    """Hears how many objects and bytes there are before the first is looked at, and of each as it is done."""

    found: Callable[[int, int], None]
    done: Callable[[Moved], None]


async def move_storage(origin: str, target: str, settings: Settings, how: Copying, progress: Progress) -> Passed:
    """Copy what is wanted from one store to the other. Each is the URL of a bucket, or the path of a data folder.

    May be repeated and broken off. Raises DataNotReady, StorageFailed, and ValueError where a name is none.
    """
    _see_folders(origin, target)
    if settings.database_url is None:
        database_in(settings.data)
    clock, passed = SystemClock(), Passed()

    def told(moved: Moved) -> None:
        passed.add(moved)
        progress.done(moved)

    async with (
        open_store(origin, settings) as source,
        open_store(target, settings) as new,
        open_database(settings, clock=clock, metrics=PrometheusMetrics()) as database,
    ):
        progress.found(*await count_objects(source))
        records = database.records
        await copy_objects(source, new, records=records, how=how, told=told)
        both = MirroredStore(source, new)
        passed.cleared = await clear_unwanted(new, both, records=records, clock=clock, how=how)
        if how.verify:
            await _look_for_all(passed, source, new, records, how)
    return passed


def _see_folders(origin: str, target: str) -> None:
    if not is_bucket(origin) and not Path(origin, OBJECTS_FOLDER).is_dir():
        raise DataNotReady(f"There are no objects in {origin}. Name a data folder, or the URL of a bucket: s3://...")
    if origin == target or (not is_bucket(target) and Path(origin).resolve() == Path(target).resolve()):
        raise DataNotReady(
            "Both stores are the same. Name the one that has the objects and the one that is to have them"
        )
    if not is_bucket(target):
        Path(target).mkdir(mode=0o700, parents=True, exist_ok=True)


async def _look_for_all(passed: Passed, source: ObjectStore, new: ObjectStore, records: Records, how: Copying) -> None:
    """Look in the new store for all that a record asks for, and note what is not there."""
    passed.missing = missing = []

    async def look(asked: Asked, image_id: ImageId) -> None:
        if await _has(new, asked.key):
            return
        if await _has(source, asked.key):
            passed.late += 1
        elif not await _has(new, asked.key) and asked.key in await _still_asked(image_id, records):
            missing.append(asked.key)

    last: ImageId | None = None
    while True:
        async with records.reading() as snapshot:
            images = await snapshot.page(ImageFilter(), after=last, limit=how.batch)
            renditions = await snapshot.renditions_of([image.id for image in images])
        if not images:
            return
        asked_for = [(asked, image.id) for image in images for asked in asked_of(image, renditions.get(image.id, ()))]
        await all_of((look(asked, image_id) for asked, image_id in asked_for), how.parallel)
        last = images[-1].id


async def _still_asked(image_id: ImageId, records: Records) -> set[Key]:
    """Return what is asked for by now: the image may have changed since its page was read."""
    async with records.reading() as snapshot:
        images = await snapshot.images([image_id])
        renditions = await snapshot.renditions(image_id)
    return {asked.key for image in images.values() for asked in asked_of(image, renditions)}


async def _has(objects: ObjectStore, key: Key) -> bool:
    try:
        await objects.head(key)
    except ObjectMissing:
        return False
    return True
