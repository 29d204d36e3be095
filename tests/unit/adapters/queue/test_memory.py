"""What the queue in memory promises besides the contract of queues."""

import asyncio
import gc
import tracemalloc
from contextlib import suppress
from datetime import timedelta
from uuid import uuid4

import pytest
import structlog
from pgqueuer.models import QueueManagerId
from structlog.testing import capture_logs

from safelight.adapters.queue import work
from safelight.adapters.queue.memory import MemoryQueue, QuietDriver, QuietQueries
from safelight.domain.errors import StorageFailed
from safelight.domain.image import ImageId
from safelight.domain.jobs import Job, ProcessImage
from safelight.testing.fakes import FrozenClock

BATCH = 100
"""Jobs that wait at once: a dictionary never shrinks, so that more of them would look like a leak."""

NOTHING_MUCH_BYTES = 100_000
"""Less than 5,000 jobs would leave behind even if each left one small object."""


def image(number: int) -> ImageId:
    return ImageId(f"{number:032x}")


@pytest.fixture
def jobs() -> MemoryQueue:
    return MemoryQueue(FrozenClock())


async def run_jobs(jobs: MemoryQueue, how_many: int) -> None:
    """Run so many jobs to their end, a batch at a time, and forget each batch."""
    ended = asyncio.Semaphore(0)

    async def handler(_job: Job) -> None:
        ended.release()

    runner = asyncio.create_task(jobs.run(handler, concurrency=4))
    for first in range(0, how_many, BATCH):
        for number in range(first, first + BATCH):
            await jobs.enqueue(ProcessImage(image(number)))
        for _ in range(BATCH):
            await ended.acquire()
        await jobs.forget_finished()
    runner.cancel()
    with suppress(asyncio.CancelledError):
        await runner


def allocated_bytes() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


async def test_five_thousand_jobs_leave_nothing_in_memory(jobs: MemoryQueue) -> None:
    tracemalloc.start()
    try:
        await run_jobs(jobs, 500)
        before = allocated_bytes()

        await run_jobs(jobs, 5_000)

        assert allocated_bytes() - before < NOTHING_MUCH_BYTES
    finally:
        tracemalloc.stop()


async def test_without_forgetting_memory_would_grow(jobs: MemoryQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    async def remember() -> None:
        return

    monkeypatch.setattr(jobs, "forget_finished", remember)
    tracemalloc.start()
    try:
        before = allocated_bytes()

        await run_jobs(jobs, 1_000)

        assert allocated_bytes() - before > NOTHING_MUCH_BYTES
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("error", "told"), [(ZeroDivisionError(), ("error", True)), (StorageFailed("it is away"), ("warning", False))]
)
async def test_a_failed_job_is_one_event_in_the_log_with_a_traceback_where_nobody_foresaw_it(
    jobs: MemoryQueue, monkeypatch: pytest.MonkeyPatch, error: Exception, told: tuple[str, bool]
) -> None:
    monkeypatch.setattr(work, "log", structlog.get_logger())
    failed, ended = ProcessImage(image(1)), asyncio.Event()

    async def handler(job: Job) -> None:
        if job == failed:
            raise error
        ended.set()

    await jobs.enqueue(failed)
    await jobs.enqueue(ProcessImage(image(2)))
    with capture_logs() as events:
        runner = asyncio.create_task(jobs.run(handler, concurrency=1))
        await ended.wait()
        runner.cancel()
        with suppress(asyncio.CancelledError):
            await runner

    (event,) = events
    assert (event["event"], event["job"]) == ("job_failed", f"ProcessImage {image(1)}")
    assert (event["log_level"], bool(event.get("exc_info"))) == told


async def test_a_handler_that_will_not_end_does_not_hold_the_queue(jobs: MemoryQueue) -> None:
    begun, may_end = asyncio.Event(), asyncio.Event()

    async def stubborn(_job: Job) -> None:
        while not may_end.is_set():
            with suppress(asyncio.CancelledError):
                begun.set()
                await may_end.wait()

    await jobs.enqueue(ProcessImage(image(1)))
    runner = asyncio.create_task(jobs.run(stubborn, concurrency=1))
    await begun.wait()
    runner.cancel()
    stopped, _ = await asyncio.wait([runner], timeout=1)
    may_end.set()

    assert stopped


async def test_nothing_begins_once_the_queue_is_cancelled(jobs: MemoryQueue) -> None:
    begun: list[Job] = []
    cancelled: list[Job] = []

    async def endless(job: Job) -> None:
        begun.append(job)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(job)
            raise

    for steps in range(40):
        await jobs.enqueue(ProcessImage(image(steps)))
        runner = asyncio.create_task(jobs.run(endless, concurrency=4))
        for _ in range(steps):
            await asyncio.sleep(0)
        runner.cancel()
        with suppress(asyncio.CancelledError):
            await runner

        assert sorted(begun, key=repr) == sorted(cancelled, key=repr)

    assert begun


async def test_a_change_between_looking_and_waiting_wakes_the_manager() -> None:
    queries, told = QuietQueries(QuietDriver()), list[str]()
    await queries.driver.add_listener(queries.qbe.settings.channel, told.append)

    await queries.dequeue(1, {}, QueueManagerId(uuid4()), None, timedelta(seconds=30))
    await queries.enqueue("rendering", b"")
    before = len(told)
    await queries.eligible_queued_work([])

    assert (before, len(told)) == (0, 1)


async def test_the_manager_is_woken_once_until_it_has_looked_again() -> None:
    queries, told = QuietQueries(QuietDriver()), list[str]()
    await queries.driver.add_listener(queries.qbe.settings.channel, told.append)

    await queries.eligible_queued_work([])
    for _ in range(10):
        await queries.enqueue("rendering", b"")

    assert len(told) == 1
