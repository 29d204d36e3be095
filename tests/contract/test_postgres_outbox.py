"""Jobs on Postgres come with the transaction that asks for them, or not at all."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from safelight.adapters.listener import open_postgres_listener
from safelight.adapters.queue.postgres import PostgresQueue, open_postgres_queue
from safelight.adapters.records.postgres import open_postgres_records
from safelight.adapters.records.store import SqlRecords
from safelight.domain.image import ImageId
from safelight.domain.jobs import ProcessImage, PurgeImage
from safelight.testing.contracts.jobs import Log, running
from safelight.testing.fakes import NOW, FrozenClock

IMAGE = ImageId("1" * 32)
LATER = NOW + timedelta(hours=1)


@pytest.fixture
async def jobs(postgres_url: str) -> AsyncIterator[PostgresQueue]:
    async with (
        open_postgres_listener(postgres_url) as listener,
        open_postgres_queue(postgres_url, FrozenClock(), listener=listener) as queue,
    ):
        yield queue


@pytest.fixture
async def records(postgres_url: str, jobs: PostgresQueue) -> AsyncIterator[SqlRecords]:
    async with open_postgres_records(postgres_url, jobs.outbox) as records:
        yield records


async def test_a_committed_transaction_leaves_its_jobs(records: SqlRecords, jobs: PostgresQueue) -> None:
    async with records.transaction() as tx:
        await tx.enqueue(ProcessImage(IMAGE))
        await tx.enqueue(PurgeImage(IMAGE), run_at=LATER)

    assert await jobs.depth() == 2


async def test_no_job_is_there_before_the_commit(records: SqlRecords, jobs: PostgresQueue) -> None:
    async with records.transaction() as tx:
        await tx.enqueue(ProcessImage(IMAGE))

        assert await jobs.depth() == 0


async def test_a_transaction_that_is_rolled_back_leaves_no_job(records: SqlRecords, jobs: PostgresQueue) -> None:
    async def fail() -> None:
        async with records.transaction() as tx:
            await tx.enqueue(ProcessImage(IMAGE))
            await tx.enqueue(PurgeImage(IMAGE), run_at=LATER)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()

    assert await jobs.depth() == 0


async def test_a_job_that_is_queued_already_does_not_spoil_the_transaction(
    records: SqlRecords, jobs: PostgresQueue
) -> None:
    await jobs.enqueue(ProcessImage(IMAGE))

    async with records.transaction() as tx:
        await tx.enqueue(ProcessImage(IMAGE))
        await tx.enqueue(PurgeImage(IMAGE))

    assert await jobs.depth() == 2


async def test_the_commit_starts_a_worker_that_waits(records: SqlRecords, jobs: PostgresQueue) -> None:
    log = Log()

    async with running(jobs, log):
        await jobs.enqueue(PurgeImage(IMAGE))
        await log.until_begun(PurgeImage(IMAGE))  # so it runs, and waits for more
        async with records.transaction() as tx:
            await tx.enqueue(ProcessImage(IMAGE))

        await log.until_begun(ProcessImage(IMAGE))
