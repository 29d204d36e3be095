"""Upkeep comes round by the clock, in one of however many processes."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest

from safelight.domain.errors import StorageFailed
from safelight.domain.jobs import Chore, Job, Upkeep
from safelight.testing.fakes import NOW, FrozenClock, RecordingJobs
from safelight.worker.periodic import next_round, rounds

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

    await until_queued(jobs, 1)

    assert jobs.queued == [(SWEEP, NOW + MOMENT)]


@pytest.mark.parametrize(("second", "expected"), [(0, 30), (1, 30), (29, 30), (30, 60), (59, 60)])
def test_the_next_round_is_the_same_for_whoever_asks_within_an_interval(second: int, expected: int) -> None:
    minute = datetime(2026, 11, 1, 12, tzinfo=UTC)

    assert next_round(minute + timedelta(seconds=second), timedelta(seconds=30)) == minute + timedelta(seconds=expected)
