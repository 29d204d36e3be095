"""Upkeep comes round by the clock, in one of however many processes."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from structlog.testing import capture_logs

from safelight.domain.errors import Busy, StorageFailed
from safelight.domain.jobs import Chore, Job, Upkeep
from safelight.testing.fakes import NOW, FrozenClock, RecordingJobs
from safelight.worker.periodic import every, next_round, rounds

MOMENT = timedelta(milliseconds=1)
SWEEP = Upkeep(Chore.SWEEP)


class FailingOnce(RecordingJobs):
    """A queue that cannot be reached at first."""

    async def enqueue(self, job: Job, *, run_at: datetime | None = None, behind: int = 0) -> None:
        if not self.behind:
            self.behind[job] = 0
            raise StorageFailed("it is away")
        await super().enqueue(job, run_at=run_at, behind=behind)


async def until_queued(jobs: RecordingJobs, how_many: int) -> None:
    """Let the rounds of upkeep be queued until there are so many."""
    asking = asyncio.create_task(rounds(Chore.SWEEP, MOMENT, jobs=jobs, clock=FrozenClock()))
    try:
        async with asyncio.timeout(10):
            for _ in range(10_000):
                await asyncio.sleep(0.001)
                if len(jobs.queued) >= how_many:
                    return
    finally:
        asking.cancel()
        with suppress(asyncio.CancelledError):
            await asking


async def test_a_round_is_queued_at_once_and_then_for_the_next_full_interval() -> None:
    jobs = RecordingJobs()

    await until_queued(jobs, 2)

    assert jobs.queued == [(SWEEP, None), (SWEEP, NOW + MOMENT)]


async def test_a_queue_that_is_away_is_asked_again() -> None:
    jobs = FailingOnce()

    with capture_logs() as logs:
        await until_queued(jobs, 1)

    assert jobs.queued == [(SWEEP, NOW + MOMENT)]
    assert [(line["event"], line["log_level"], line["code"]) for line in logs] == [
        ("upkeep_not_queued", "warning", "storage_failed")
    ]


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (StorageFailed("it is away"), ("warning", False)),
        (Busy(), ("warning", False)),
        (ValueError("a mistake"), ("error", True)),
    ],
)
async def test_only_what_nobody_foresaw_is_told_with_a_traceback(error: Exception, told: tuple[str, bool]) -> None:
    errors, again = [error], asyncio.Event()

    async def failing_once() -> None:
        if errors:
            raise errors.pop()
        again.set()

    with capture_logs() as logs:
        running = asyncio.create_task(every(MOMENT, "sweep", failing_once))
        await asyncio.wait_for(again.wait(), timeout=10)
        running.cancel()

    (line,) = logs
    assert line["event"] == "upkeep_failed"
    assert (line["log_level"], bool(line.get("exc_info"))) == told


@pytest.mark.parametrize(("second", "expected"), [(0, 30), (1, 30), (29, 30), (30, 60), (59, 60)])
def test_the_next_round_is_the_same_for_whoever_asks_within_an_interval(second: int, expected: int) -> None:
    minute = datetime(2026, 11, 1, 12, tzinfo=UTC)

    assert next_round(minute + timedelta(seconds=second), timedelta(seconds=30)) == minute + timedelta(seconds=expected)
