"""One writer at a time, whatever is cancelled; readers that cannot write; failures that say whose they are."""

import asyncio
import random
import sqlite3
from collections import Counter
from contextlib import closing, suppress
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from safelight.adapters.records.engine import SqliteDatabase, storage_failures
from safelight.adapters.records.store import SqlRecords, open_records
from safelight.domain.errors import StorageFailed
from safelight.domain.image import ImageId
from safelight.domain.jobs import ProcessImage
from safelight.domain.to_its_end import to_its_end
from safelight.testing.fakes import RecordingJobs
from safelight.testing.samples import new_image


async def add(records: SqlRecords, number: int) -> None:
    async with records.transaction() as tx:
        await tx.add(new_image(number))
        await tx.enqueue(ProcessImage(new_image(number).id))


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


async def ids(records: SqlRecords) -> set[ImageId]:
    async with records.reading() as snapshot:
        return set(await snapshot.images([new_image(number).id for number in range(1000)]))


@pytest.mark.parametrize("seed", range(5))
async def test_writers_cancelled_anywhere_leave_the_next_one_a_free_way(
    records: SqlRecords, jobs: RecordingJobs, seed: int
) -> None:
    chance = random.Random(seed)
    writers = [asyncio.create_task(add(records, number)) for number in range(60)]

    while not all(writer.done() for writer in writers):
        for _ in range(chance.randrange(20)):
            await asyncio.sleep(0)
        chance.choice(writers).cancel()
    await asyncio.gather(*writers, return_exceptions=True)
    async with asyncio.timeout(5):
        await add(records, 999)

    stored = await ids(records)
    finished = {new_image(number).id for number, writer in enumerate(writers) if not writer.cancelled()}
    assert finished <= stored
    assert new_image(999).id in stored
    assert Counter(job.image_id for job, _ in jobs.queued if isinstance(job, ProcessImage)) == Counter(stored)


async def test_readers_cancelled_anywhere_leave_no_reader_behind(records: SqlRecords) -> None:
    for steps in range(40):
        reader = asyncio.create_task(ids(records))
        for _ in range(steps):
            await asyncio.sleep(0)
        reader.cancel()
        with suppress(asyncio.CancelledError):
            await reader

    async with asyncio.timeout(5):
        read = await asyncio.gather(*(ids(records) for _ in range(20)))

    assert read == [set()] * 20


async def test_writers_get_their_turn_in_the_order_of_asking(records: SqlRecords) -> None:
    served: list[int] = []

    async def write(number: int) -> None:
        async with records.transaction():
            served.append(number)

    await asyncio.gather(*(write(number) for number in range(30)))

    assert served == list(range(30))


async def test_reading_does_not_wait_for_the_writer(records: SqlRecords) -> None:
    async with records.transaction() as tx:
        await tx.add(new_image())

        async with asyncio.timeout(5):
            assert await ids(records) == set()


async def test_a_reader_cannot_write(database: Path) -> None:
    opened = SqliteDatabase(database)
    try:
        with pytest.raises(StorageFailed, match="readonly"):
            async with opened.reading() as connection:
                await connection.execute(text("DELETE FROM image"))
    finally:
        await opened.close()


async def test_a_writer_that_has_begun_keeps_other_processes_out(database: Path) -> None:
    opened = SqliteDatabase(database)
    try:
        async with opened.writing() as connection:
            await connection.execute(text("SELECT 1"))

            with (
                closing(sqlite3.connect(database, timeout=0)) as other,
                pytest.raises(sqlite3.OperationalError, match="locked"),
            ):
                other.execute("BEGIN IMMEDIATE")
    finally:
        await opened.close()


async def test_commits_wait_for_the_disk_and_go_to_a_log(database: Path) -> None:
    opened = SqliteDatabase(database)
    try:
        async with opened.writing() as connection:
            mode = await connection.scalar(text("PRAGMA journal_mode"))
            synchronous = await connection.scalar(text("PRAGMA synchronous"))
            foreign_keys = await connection.scalar(text("PRAGMA foreign_keys"))
    finally:
        await opened.close()

    full = 2
    assert (mode, synchronous, foreign_keys) == ("wal", full, 1)


async def test_a_full_disk_is_the_storages_failure_and_the_next_write_goes_on(records: SqlRecords) -> None:
    async def fill() -> None:
        async with records.transaction() as tx:
            await tx._run.execute(text("PRAGMA max_page_count=1"))  # noqa: SLF001 - a disk that is full at will
            for number in range(200):
                await tx.add(new_image(number, filename="x" * 250))

    with pytest.raises(StorageFailed, match="full"):
        await fill()
    async with records.transaction() as tx:
        await tx._run.execute(text("PRAGMA max_page_count=1000000"))  # noqa: SLF001 - and that has room again
        await tx.add(new_image(500))

    assert await ids(records) == {new_image(500).id}


async def test_a_broken_file_is_the_storages_failure(tmp_path: Path) -> None:
    broken = tmp_path / "records.db"
    broken.write_bytes(b"no database at all, and of more than a few bytes" * 100)

    with pytest.raises(StorageFailed, match="not a database"):
        async with open_records(broken, RecordingJobs()) as records:
            await ids(records)


async def test_a_missing_database_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(StorageFailed, match="there is no database"):
        async with open_records(tmp_path / "records.db", RecordingJobs()):
            pytest.fail("opened")

    assert names_in(tmp_path) == set()


async def test_our_own_mistakes_are_no_failure_of_the_storage_and_tell_no_names(records: SqlRecords) -> None:
    await add(records, 1)

    with pytest.raises(IntegrityError) as broken:
        await add(records, 1)

    assert new_image(1).filename not in str(broken.value)
    assert str(new_image(1).owner) not in str(broken.value)


async def test_a_locked_database_is_the_storages_failure(database: Path) -> None:
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        opened = SqliteDatabase(database)
        try:
            with pytest.raises(StorageFailed, match="locked"):
                async with opened.writing() as connection:
                    await connection.execute(text("SELECT 1"))
        finally:
            await opened.close()


async def test_how_long_things_take_is_told(database: Path) -> None:
    told: list[str] = []

    async with open_records(database, RecordingJobs(), observe=lambda what, _seconds: told.append(what)) as records:
        await add(records, 1)
        await ids(records)

    assert told == ["wait", "write", "read"]


async def test_closing_leaves_one_file(database: Path, tmp_path: Path) -> None:
    async with open_records(database, RecordingJobs()) as records:
        await add(records, 1)
        await ids(records)
        during = names_in(tmp_path)

    assert during == {"records.db", "records.db-wal", "records.db-shm"}
    assert names_in(tmp_path) == {"records.db"}


async def test_work_that_must_end_ends_although_its_caller_is_cancelled() -> None:
    going, may_end, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def work() -> None:
        going.set()
        await may_end.wait()
        ended.set()

    caller = asyncio.create_task(to_its_end(work()))
    await going.wait()
    for _ in range(3):
        caller.cancel()
        await asyncio.sleep(0)
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await caller

    assert ended.is_set()


def test_what_is_no_database_error_passes_through() -> None:
    with pytest.raises(ZeroDivisionError), storage_failures():
        raise ZeroDivisionError
