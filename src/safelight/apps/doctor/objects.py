"""Whether records and objects agree: a sample of the ready images, and a look for orphans."""

import asyncio
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from safelight.adapters.records.snapshot import SqlSnapshot
from safelight.adapters.records.store import SqlRecords
from safelight.adapters.records.tables import image
from safelight.apps.asked import Asked, asked_of
from safelight.apps.doctor.finding import Finding, Visit, fine, warning, wrong
from safelight.apps.storage import OBJECTS_FOLDER, open_store
from safelight.domain.errors import ObjectMissing, StorageFailed
from safelight.domain.image import State
from safelight.domain.keys import Key
from safelight.ports.object_store import ReceivingStore
from safelight.upkeep.sweep import find_orphans

SAMPLE = 200
"""Ready images, by chance, whose objects are looked for."""

NAMED = 3
"""Keys that a finding names; the others are counted."""

ORPHANS_WITHIN_S = 10.0
"""How long to look for orphans: a large store takes longer, and its sweep sees to it."""


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


async def missing_objects(visit: Visit, connection: AsyncConnection) -> list[Finding]:
    """See that what a sample of ready images needs is there. Of a bucket that does not answer, nothing is told."""
    if not visit.bucket_answers:
        return []
    asked = await _asked(connection)
    missing = await _missing(asked, visit) if _is_there(visit) else [one.key for one in asked]
    if not missing:
        return fine("objects", f"all {len(asked):,} that a sample of ready images needs are there")
    return wrong(
        "objects",
        f"{len(missing):,} of {len(asked):,} that a sample of ready images needs are missing: {_some(missing)}",
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
    where = "" if whole else f" in what {ORPHANS_WITHIN_S:.0f} s were enough to see"
    if not found:
        return fine("orphans", f"no object without a record{where}")
    return warning(
        "orphans",
        f"{len(found):,} objects that no record asks for{where}: {_some(found)}",
        "Was an older database restored just now? Then these are later images: copy them away before the server "
        "runs, for its sweep removes them. Otherwise let it run: safelight up",
    )


async def _asked(connection: AsyncConnection) -> list[Asked]:
    by_chance = select(image.c.id).where(image.c.state == State.READY).order_by(func.random()).limit(SAMPLE)
    ids = (await connection.execute(by_chance)).scalars().all()
    snapshot = SqlSnapshot(connection)
    renditions = await snapshot.renditions_of(ids)
    images = await snapshot.images(ids)
    return [asked for one in images.values() for asked in asked_of(one, renditions.get(one.id, ()))]


async def _missing(asked: Sequence[Asked], visit: Visit) -> list[Key]:
    missing = []
    async with _objects(visit) as objects:
        for one in asked:
            try:
                await objects.head(one.key)
            except ObjectMissing:
                missing.append(one.key)
    return missing


async def _orphans(visit: Visit, records: SqlRecords, grace: timedelta) -> tuple[list[Key], bool]:
    """Return the keys that were found in time, and whether that were all."""
    found: list[Key] = []
    async with _objects(visit) as objects:
        looking = find_orphans(
            records=records,
            objects=objects,
            before=visit.clock.now() - grace,
            batch=visit.settings.upkeep_batch,
        )
        try:
            async with asyncio.timeout(ORPHANS_WITHIN_S):
                async for orphan in looking:
                    found.append(orphan.key)  # noqa: PERF401 - what was found in time counts
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


def _some(keys: Sequence[Key]) -> str:
    more = f" and {len(keys) - NAMED:,} more" if len(keys) > NAMED else ""
    return ", ".join(keys[:NAMED]) + more
