"""The checks that records and objects agree."""

import os
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from safelight.adapters.disk.object_store import DiskObjectStore
from safelight.adapters.records.engine import SqliteDatabase
from safelight.adapters.records.store import SqlRecords
from safelight.adapters.system import SystemClock
from safelight.apps.doctor import objects as checks
from safelight.apps.doctor.examine import examine
from safelight.apps.doctor.finding import Level, Visit
from safelight.apps.doctor.objects import missing_objects, orphans
from safelight.apps.storage import open_store
from safelight.domain import keys
from safelight.domain.image import Image, ImageId, State
from safelight.testing.contracts.records import image_in
from safelight.testing.fakes import FrozenClock
from safelight.testing.s3 import S3Place
from safelight.testing.samples import rendition

MakeVisit = Callable[..., Visit]

DAY_S = timedelta(days=1).total_seconds()


@pytest.fixture
def objects(data: Path) -> Iterator[DiskObjectStore]:
    """The folder's objects."""
    with ThreadPoolExecutor(1) as io:
        yield DiskObjectStore(data / "store", io=io)


async def test_all_objects_of_ready_images_are_found(
    visit: MakeVisit, records: SqlRecords, database: SqliteDatabase, objects: DiskObjectStore
) -> None:
    await _ready_image(records, objects)

    (found,) = await missing_objects(visit(), database)

    assert (found.level, found.seen) == (Level.OK, "all 1 that 1 ready images need are there")


async def test_of_many_images_some_are_looked_at_by_chance_and_all_only_where_that_is_asked(
    visit: MakeVisit,
    records: SqlRecords,
    database: SqliteDatabase,
    objects: DiskObjectStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(checks, "SAMPLE", 2)
    for number in range(1, 6):
        await _ready_image(records, objects, number)

    (part,) = await missing_objects(visit(), database)
    (whole,) = await missing_objects(visit(whole=True), database)

    assert part.seen == "all 2 that 2 ready images by chance (all: safelight doctor --whole) need are there"
    assert whole.seen == "all 5 that 5 ready images need are there"


async def test_a_missing_object_is_wrong_and_named(
    visit: MakeVisit, records: SqlRecords, database: SqliteDatabase, objects: DiskObjectStore
) -> None:
    image = await _ready_image(records, objects)
    key = keys.rendition(rendition(image.id), public=image.public)
    await objects.delete(key)

    (found,) = await missing_objects(visit(), database)

    assert found.level is Level.WRONG
    assert key in found.seen
    assert "safelight reprocess --all" in found.cure


async def test_without_the_store_all_objects_are_missing_and_no_folder_is_made(
    visit: MakeVisit, records: SqlRecords, database: SqliteDatabase, objects: DiskObjectStore, data: Path
) -> None:
    await _ready_image(records, objects)
    (data / "store").rename(data / "elsewhere")

    (found,) = await missing_objects(visit(), database)

    assert found.level is Level.WRONG
    assert "1 of 1" in found.seen
    assert not (data / "store").exists()


async def test_old_objects_without_a_record_are_told_and_left(
    visit: MakeVisit, records: SqlRecords, objects: DiskObjectStore, data: Path
) -> None:
    await _ready_image(records, objects)
    orphan = keys.original(image_id := (await image_in(records, State.DELETED, 7)).id)
    await objects.put(orphan, b"bytes", content_type="image/jpeg")
    (young,) = await orphans(visit(), records)
    _age(next((data / "store/objects/private").rglob(f"{image_id}/original")))

    (found,) = await orphans(visit(), records)

    assert young.level is Level.OK
    assert found.level is Level.WARNING
    assert orphan in found.seen
    assert "older database" in found.cure
    assert (await objects.head(orphan)).bytes == len(b"bytes")


async def test_an_orphan_in_a_bucket_may_wait_for_its_turn(
    visit: MakeVisit, records: SqlRecords, s3: S3Place, s3_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    soon, later = (FrozenClock(datetime.now(UTC) + timedelta(hours=hours)) for hours in (4, 50))
    async with open_store(s3_url, visit(storage_url=s3_url).settings) as bucket:
        await bucket.put(keys.original(ImageId("f" * 32)), b"nobody's", content_type="image/jpeg")

    (waiting,) = await orphans(visit(storage_url=s3_url, clock=soon), records)
    (found,) = await orphans(visit(storage_url=s3_url, clock=later), records)

    assert (waiting.level, found.level) == (Level.OK, Level.WARNING)


async def test_of_a_bucket_that_is_not_there_that_is_all_that_is_told(
    visit: MakeVisit, records: SqlRecords, s3: S3Place, s3_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    await image_in(records, State.READY)
    missing = re.sub(r"s3://[^?]+", "s3://no-such-bucket", s3_url)

    there = [found async for found in examine(visit(storage_url=s3_url).settings, clock=SystemClock())]
    found = [found async for found in examine(visit(storage_url=missing).settings, clock=SystemClock())]

    of_objects = {"bucket", "missing objects", "objects", "orphans"}
    assert [one.name for one in there if one.name in of_objects] == ["bucket", "objects", "orphans"]
    (told,) = [one for one in found if one.name in of_objects]
    assert (told.name, told.level) == ("bucket", Level.WRONG)
    assert "no-such-bucket" in told.seen
    assert "SAFELIGHT_STORAGE_URL" in told.cure


async def _ready_image(records: SqlRecords, objects: DiskObjectStore, number: int = 1) -> Image:
    image = await image_in(records, State.PROCESSING, number)
    one = rendition(image.id)
    await objects.put(keys.rendition(one, public=image.public), b"x" * one.bytes, content_type="image/webp")
    async with records.transaction() as tx:
        await tx.add_rendition(one, attempt=image.attempt)
        return await tx.move(image.id, was=State.PROCESSING, now=State.READY)


def _age(path: Path) -> None:
    then = datetime.now(UTC).timestamp() - DAY_S
    os.utime(path, (then, then))
