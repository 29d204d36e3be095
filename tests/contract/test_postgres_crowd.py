"""Whatever changes records, done at once and with workers at the queue: nobody waits in vain, and nothing is lost."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from itertools import product

import asyncpg

from crowd import KINDS, OWNERS, RECORDS, Crowd, Deed, Ticking
from safelight.adapters.listener import open_postgres_listener
from safelight.adapters.queue.lanes import name_of
from safelight.adapters.queue.postgres import PostgresQueue, open_postgres_queue
from safelight.adapters.records.outbox import after_commit
from safelight.adapters.records.postgres import PostgresDatabase, open_postgres_records
from safelight.domain.image import BYTES_OWED, Image, State
from safelight.domain.jobs import Job, ProcessImage, PurgeImage, ReprocessImage
from safelight.ports.snapshot import ImageFilter, Snapshot
from safelight.testing.fakes import RecordingJobs

DEEDS = 400
AT_ONCE = 16
WORKERS = 4
SEED = 5
EVERY = 10_000

HEARTBEAT_TIMEOUT = timedelta(seconds=1)
"""So that workers show often that they live: for that they change several jobs at once."""

QUEUED = "SELECT convert_from(payload, 'UTF8') AS job, count(*) AS times FROM safelight_pgqueuer GROUP BY 1"
OTHERS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
DEADLOCKS = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"


async def test_nobody_waits_in_vain_all_is_counted_right_and_no_job_is_lost(postgres_url: str) -> None:
    mistakes = await act(postgres_url, SEED)

    assert not mistakes
    assert await deadlocks(postgres_url) == 0
    async with (
        open_postgres_records(postgres_url, after_commit(RecordingJobs())) as records,
        records.reading() as snapshot,
    ):
        for owner in OWNERS:
            assert (await snapshot.owner(owner)).used == await snapshot.counted(owner)
        for target, kind in product(RECORDS, KINDS.values()):
            there = await snapshot.attached(target, kind.name)
            assert len(there) <= (kind.at_most or EVERY)
            assert sum(image.state is State.READY for image in there) <= (1 if kind.one_per_record else EVERY)
            assert len({image.position for image in there}) == len(there)
        needed = [name_of(job) for job in await needed_jobs(snapshot)]
    queued = await queued_jobs(postgres_url)
    assert {job: queued.get(job, 0) for job in needed} == dict.fromkeys(needed, 1)


async def act(url: str, seed: int) -> list[Exception]:
    """Let the crowd do all that it does, workers what comes of it, and reconcile find the rest; return the mistakes."""
    clock = Ticking()
    async with opened(url, clock) as (database, jobs):
        crowd = Crowd(database, jobs.outbox, clock, seed)
        places = asyncio.Semaphore(AT_ONCE)

        async def do(deed: Deed) -> None:
            async with places:
                await crowd.dare(deed)

        working = asyncio.create_task(jobs.run(crowd.work, concurrency=WORKERS, grace=timedelta(minutes=1)))
        await asyncio.gather(*map(do, crowd.deeds(DEEDS)))
        working.cancel()
        await asyncio.wait([working])
        await crowd.dare(crowd.reconcile)
    return crowd.mistakes


@asynccontextmanager
async def opened(url: str, clock: Ticking) -> AsyncIterator[tuple[PostgresDatabase, PostgresQueue]]:
    async with (
        open_postgres_listener(url) as listener,
        open_postgres_queue(url, clock, listener=listener, heartbeat_timeout=HEARTBEAT_TIMEOUT) as jobs,
    ):
        database = PostgresDatabase(url, connections=AT_ONCE)
        try:
            yield database, jobs
        finally:
            await database.close()


async def deadlocks(url: str) -> int:
    """Return how many there were. A connection tells of them, at the latest, as it ends."""
    connection = await asyncpg.connect(url)
    try:
        while await connection.fetchval(OTHERS):
            pass
        return int(await connection.fetchval(DEADLOCKS))
    finally:
        await connection.close()


async def queued_jobs(url: str) -> Mapping[str, int]:
    """Return how often each job is in the queue."""
    connection = await asyncpg.connect(url)
    try:
        return {row["job"]: row["times"] for row in await connection.fetch(QUEUED)}
    finally:
        await connection.close()


async def needed_jobs(snapshot: Snapshot) -> list[Job]:
    """Return what is still to be done, as the records say."""
    blocked = {owner.id for owner in await snapshot.list_owners(after=None, limit=EVERY, blocked=True)}
    images = await snapshot.page(ImageFilter(), after=None, limit=EVERY)
    assert all(image.state is not State.PROCESSING for image in images)
    return [job for image in images for job in needed_by(image, is_blocked=image.owner in blocked)]


def needed_by(image: Image, *, is_blocked: bool) -> list[Job]:
    if image.state in BYTES_OWED and image.purged_at is None:
        return [PurgeImage(image.id)]
    if image.state is State.UPLOADED and not is_blocked:
        return [ProcessImage(image.id)]
    if image.state is State.READY and image.reprocess_wanted_at is not None and not is_blocked:
        return [ReprocessImage(image.id)]
    return []
