"""What every queue of jobs must do. Subclass the suite and give it the fixture `jobs`, a queue on `clock`."""
# ruff: noqa: D102 - a test's name is its sentence

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from safelight.domain.image import ImageId
from safelight.domain.jobs import (
    Chore,
    ClearSide,
    DeliveryId,
    Job,
    ProcessImage,
    PurgeImage,
    RenderVariant,
    ReprocessImage,
    SendWebhook,
    Upkeep,
)
from safelight.ports.jobs import Handler, Jobs
from safelight.testing.fakes import FrozenClock

TIME_LIMIT_S = 30
"""Far longer than a test that passes takes."""

PROMPT_S = 1.0
"""How soon a cancelled queue must have stopped."""

MOMENT = timedelta(milliseconds=50)

ROUNDS = 6
"""Often enough for what piles up, or stops after the first or second time, to show."""


def image(number: int) -> ImageId:
    """Return the id of an image."""
    return ImageId(f"{number:032x}")


PROCESS = ProcessImage(image(1))
MARK = SendWebhook(DeliveryId("f" * 32))
"""A job that runs after others to show what has not run."""


@dataclass
class Log:
    """A handler that notes the jobs that it got; `fails` and `stays` make some of them fail, or run without end."""

    fails: frozenset[Job] = frozenset()
    stays: frozenset[Job] = frozenset()
    begun: list[Job] = field(default_factory=list)
    cancelled: list[Job] = field(default_factory=list)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def __call__(self, job: Job) -> None:
        """Run one job."""
        async with self.changed:
            self.begun.append(job)
            self.changed.notify_all()
        if job in self.fails:
            raise ZeroDivisionError
        if job in self.stays:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                self.cancelled.append(job)
                raise

    async def until_begun(self, *jobs: Job) -> None:
        """Wait until each of these has begun, as often as it stands here."""
        async with asyncio.timeout(TIME_LIMIT_S), self.changed:
            await self.changed.wait_for(lambda: all(self.begun.count(job) >= jobs.count(job) for job in jobs))


@asynccontextmanager
async def running(jobs: Jobs, handler: Handler, *, concurrency: int = 2) -> AsyncIterator[None]:
    """Run the queue during the block."""
    runner = asyncio.create_task(jobs.run(handler, concurrency=concurrency))
    try:
        yield
    finally:
        runner.cancel()
        with suppress(asyncio.CancelledError):
            await runner


class JobsContract:
    """Jobs run once, in time, and none of them in the way of another kind."""

    @pytest.fixture
    def clock(self) -> FrozenClock:
        """Return the clock of the queue."""
        return FrozenClock()

    @pytest.mark.parametrize(
        "job",
        [
            PROCESS,
            ReprocessImage(image(1)),
            PurgeImage(image(1)),
            ClearSide(image(1)),
            SendWebhook(DeliveryId("d" * 32)),
            RenderVariant(image(1), "thumb"),
            *map(Upkeep, Chore),
        ],
    )
    async def test_a_queued_job_comes_to_the_handler_as_it_was(self, jobs: Jobs, job: Job) -> None:
        log = Log()

        await jobs.enqueue(job)
        async with running(jobs, log):
            await log.until_begun(job)

        assert log.begun == [job]

    async def test_a_job_queued_while_the_queue_runs_is_run(self, jobs: Jobs) -> None:
        log = Log()

        async with running(jobs, log):
            await jobs.enqueue(PROCESS)

            await log.until_begun(PROCESS)

    async def test_a_job_that_is_queued_is_not_queued_again(self, jobs: Jobs) -> None:
        log = Log()

        await jobs.enqueue(PROCESS)
        await jobs.enqueue(PROCESS)
        depth = await jobs.depth()
        async with running(jobs, log, concurrency=1):
            await log.until_begun(PROCESS)
            await jobs.enqueue(ProcessImage(image(2)))
            await log.until_begun(ProcessImage(image(2)))

        assert depth == 1
        assert log.begun == [PROCESS, ProcessImage(image(2))]

    async def test_a_job_that_runs_is_not_queued_again(self, jobs: Jobs) -> None:
        log = Log(stays=frozenset({PROCESS}))
        await jobs.enqueue(PROCESS)

        async with running(jobs, log):
            await log.until_begun(PROCESS)
            await jobs.enqueue(PROCESS)

            assert await jobs.depth() == 0

    async def test_a_job_that_has_run_can_be_queued_again(self, jobs: Jobs) -> None:
        log = Log()

        async with running(jobs, log, concurrency=1):
            await jobs.enqueue(PROCESS)
            await log.until_begun(PROCESS)
            await jobs.enqueue(ProcessImage(image(2)))
            await log.until_begun(ProcessImage(image(2)))  # with one place, the first has ended by now
            await jobs.enqueue(PROCESS)

            await log.until_begun(PROCESS, PROCESS)

    async def test_there_is_one_round_of_upkeep_whatever_its_time(self, jobs: Jobs, clock: FrozenClock) -> None:
        log, sweep = Log(stays=frozenset({Upkeep(Chore.SWEEP)})), Upkeep(Chore.SWEEP)

        for wait in range(ROUNDS):
            await jobs.enqueue(sweep, run_at=clock.now() + wait * MOMENT)
        async with running(jobs, log):
            await log.until_begun(sweep)
            await jobs.enqueue(sweep, run_at=clock.now() + MOMENT)
            await jobs.enqueue(sweep)
            await jobs.enqueue(Upkeep(Chore.FORGET))
            await jobs.enqueue(PROCESS, run_at=clock.now() + 4 * MOMENT)
            await log.until_begun(PROCESS)

        assert sorted(map(repr, log.begun)) == sorted(map(repr, [sweep, Upkeep(Chore.FORGET), PROCESS]))

    async def test_upkeep_that_waits_is_not_counted(self, jobs: Jobs, clock: FrozenClock) -> None:
        await jobs.enqueue(Upkeep(Chore.SWEEP), run_at=clock.now() + timedelta(hours=1))
        await jobs.enqueue(PROCESS)

        assert await jobs.depth() == 1

    async def test_two_kinds_of_job_for_one_image_are_two_jobs(self, jobs: Jobs) -> None:
        await jobs.enqueue(PROCESS)
        await jobs.enqueue(PurgeImage(PROCESS.image_id))

        assert await jobs.depth() == 2

    async def test_a_job_for_later_waits(self, jobs: Jobs, clock: FrozenClock) -> None:
        log = Log()

        await jobs.enqueue(PROCESS, run_at=clock.now() + timedelta(hours=1))
        async with running(jobs, log):
            await jobs.enqueue(MARK)
            await log.until_begun(MARK)
            waiting = await jobs.depth()

        assert log.begun == [MARK]
        assert waiting == 1

    async def test_a_job_for_later_runs_in_time(self, jobs: Jobs, clock: FrozenClock) -> None:
        log = Log()

        await jobs.enqueue(PROCESS, run_at=clock.now() + MOMENT)
        async with running(jobs, log):
            await log.until_begun(PROCESS)

    async def test_a_job_for_a_time_that_has_passed_runs(self, jobs: Jobs, clock: FrozenClock) -> None:
        log = Log()

        await jobs.enqueue(PROCESS, run_at=clock.now() - timedelta(hours=1))
        async with running(jobs, log):
            await log.until_begun(PROCESS)

    async def test_a_running_job_can_ask_for_its_next_try(self, jobs: Jobs, clock: FrozenClock) -> None:
        log = Log()

        async def handler(job: Job) -> None:
            if not log.begun:
                await jobs.enqueue(job, run_at=clock.now() + MOMENT)
            await log(job)

        await jobs.enqueue(PROCESS)
        async with running(jobs, handler):
            await log.until_begun(PROCESS, PROCESS)

    async def test_a_job_for_later_can_ask_for_its_next_try_too(self, jobs: Jobs, clock: FrozenClock) -> None:
        log = Log()

        async def handler(job: Job) -> None:
            if len(log.begun) < ROUNDS:
                await jobs.enqueue(job, run_at=clock.advance(MOMENT))
            await log(job)

        await jobs.enqueue(PROCESS)
        async with running(jobs, handler):
            await log.until_begun(PROCESS, *[PROCESS] * ROUNDS)

    async def test_a_job_is_queued_once_for_now_and_once_for_a_time_however_often_it_is_asked_for(
        self, jobs: Jobs, clock: FrozenClock
    ) -> None:
        """Reconcile asks for it at every look."""
        later = clock.now() + timedelta(hours=1)

        for _ in range(ROUNDS):
            await jobs.enqueue(PROCESS, run_at=later)
            await jobs.enqueue(PROCESS)

        assert await jobs.depth() == 2

    async def test_a_running_job_that_has_asked_for_its_next_try_is_not_queued_for_now(
        self, jobs: Jobs, clock: FrozenClock
    ) -> None:
        log = Log(stays=frozenset({PROCESS}))
        await jobs.enqueue(PROCESS)

        async with running(jobs, log):
            await log.until_begun(PROCESS)
            await jobs.enqueue(PROCESS, run_at=clock.now() + timedelta(hours=1))
            for _ in range(ROUNDS):
                await jobs.enqueue(PROCESS)

            assert await jobs.depth() == 1

    async def test_no_more_renderings_run_at_once_than_allowed(self, jobs: Jobs) -> None:
        renderings: list[Job] = [ProcessImage(image(1)), ReprocessImage(image(2)), ProcessImage(image(3))]
        log = Log(stays=frozenset(renderings))
        for job in renderings:
            await jobs.enqueue(job)

        async with running(jobs, log, concurrency=2):
            await log.until_begun(renderings[0], renderings[2])
            await jobs.enqueue(MARK)
            await log.until_begun(MARK)

            assert sorted(map(repr, log.begun)) == sorted(map(repr, [renderings[0], renderings[2], MARK]))

    async def test_new_images_come_before_old_ones_rendered_again(self, jobs: Jobs) -> None:
        log = Log()
        await jobs.enqueue(ReprocessImage(image(1)))
        await jobs.enqueue(PROCESS)

        async with running(jobs, log, concurrency=1):
            await log.until_begun(PROCESS, ReprocessImage(image(1)))

        assert log.begun == [PROCESS, ReprocessImage(image(1))]

    async def test_whoever_has_fewer_jobs_before_its_own_comes_first(self, jobs: Jobs) -> None:
        theirs = [ProcessImage(image(number)) for number in range(40)]
        mine = ProcessImage(image(99))
        for behind, job in enumerate(theirs):
            await jobs.enqueue(job, behind=behind)
        await jobs.enqueue(mine)

        log = Log()
        async with running(jobs, log, concurrency=1):
            await log.until_begun(mine, *theirs)

        assert log.begun.index(mine) <= 1

    async def test_jobs_with_about_as_many_before_them_run_in_order(self, jobs: Jobs) -> None:
        asked_for = [ProcessImage(image(number)) for number in range(8)]
        for job in asked_for:
            await jobs.enqueue(job, behind=9)

        log = Log()
        async with running(jobs, log, concurrency=1):
            await log.until_begun(*asked_for)

        assert log.begun == asked_for

    async def test_an_image_that_is_asked_for_again_keeps_the_better_turn(self, jobs: Jobs) -> None:
        first, second, third = (ProcessImage(image(number)) for number in range(3))
        await jobs.enqueue(first, behind=4)
        await jobs.enqueue(second, behind=400)
        await jobs.enqueue(third, behind=0)

        await jobs.enqueue(second, behind=1)
        await jobs.enqueue(third, behind=400)
        depth = await jobs.depth()
        log = Log()
        async with running(jobs, log, concurrency=1):
            await log.until_begun(first, second, third)

        assert depth == 3
        assert log.begun == [third, second, first]

    async def test_new_images_come_before_old_ones_however_many_they_are_behind(self, jobs: Jobs) -> None:
        log = Log()
        await jobs.enqueue(ReprocessImage(image(1)))
        await jobs.enqueue(PROCESS, behind=10**9)

        async with running(jobs, log, concurrency=1):
            await log.until_begun(PROCESS, ReprocessImage(image(1)))

        assert log.begun == [PROCESS, ReprocessImage(image(1))]

    async def test_webhooks_and_purges_do_not_wait_behind_many_renderings(self, jobs: Jobs) -> None:
        renderings = frozenset(ProcessImage(image(number)) for number in range(200))
        log = Log(stays=frozenset(renderings))
        for job in renderings:
            await jobs.enqueue(job)

        async with running(jobs, log):
            await jobs.enqueue(MARK)
            await jobs.enqueue(PurgeImage(image(1)))

            await log.until_begun(MARK, PurgeImage(image(1)))

    async def test_a_handler_that_raises_stops_nothing(self, jobs: Jobs) -> None:
        log = Log(fails=frozenset({PROCESS}))
        await jobs.enqueue(PROCESS)

        async with running(jobs, log, concurrency=1):
            await log.until_begun(PROCESS)
            await jobs.enqueue(ProcessImage(image(2)))
            await log.until_begun(ProcessImage(image(2)))

        assert log.begun.count(PROCESS) == 1

    async def test_a_cancelled_queue_stops_at_once_and_its_handlers_with_it(self, jobs: Jobs) -> None:
        log = Log(stays=frozenset({PROCESS}))
        await jobs.enqueue(PROCESS)
        runner = asyncio.create_task(jobs.run(log, concurrency=1))
        await log.until_begun(PROCESS)

        runner.cancel()
        stopped, _ = await asyncio.wait([runner], timeout=PROMPT_S)

        assert stopped
        assert runner.cancelled()
        assert log.cancelled == [PROCESS]

    async def test_what_a_cancelled_queue_had_under_way_is_handed_back(self, jobs: Jobs) -> None:
        first, second = Log(stays=frozenset({PROCESS})), Log()
        await jobs.enqueue(PROCESS)
        async with running(jobs, first):
            await first.until_begun(PROCESS)

        waiting = await jobs.depth()
        async with running(jobs, second):
            await second.until_begun(PROCESS)

        assert waiting == 1
        assert first.cancelled == second.begun == [PROCESS]

    async def test_what_is_under_way_may_end_within_the_grace(self, jobs: Jobs) -> None:
        begun, may_end, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

        async def handler(_job: Job) -> None:
            begun.set()
            await may_end.wait()
            ended.set()

        await jobs.enqueue(PROCESS)
        runner = asyncio.create_task(jobs.run(handler, concurrency=1, grace=timedelta(seconds=TIME_LIMIT_S)))
        await begun.wait()
        runner.cancel()
        await jobs.enqueue(ProcessImage(image(2)))
        may_end.set()
        await asyncio.wait([runner])

        assert runner.cancelled()
        assert ended.is_set()
        assert await jobs.depth() == 1  # the second never began

    async def test_a_second_cancel_ends_the_grace(self, jobs: Jobs) -> None:
        log = Log(stays=frozenset({PROCESS}))
        await jobs.enqueue(PROCESS)
        runner = asyncio.create_task(jobs.run(log, concurrency=1, grace=timedelta(seconds=TIME_LIMIT_S)))
        await log.until_begun(PROCESS)

        runner.cancel()
        waited, _ = await asyncio.wait([runner], timeout=MOMENT.total_seconds())
        runner.cancel()
        stopped, _ = await asyncio.wait([runner], timeout=PROMPT_S)

        assert (waited, log.cancelled) == (set(), [PROCESS])
        assert stopped
        assert await jobs.depth() == 1

    async def test_a_queue_runs_again_after_it_was_cancelled(self, jobs: Jobs) -> None:
        first, second = Log(stays=frozenset({PROCESS})), Log()
        await jobs.enqueue(PROCESS)
        async with running(jobs, first):
            await first.until_begun(PROCESS)

        async with running(jobs, second):
            await jobs.enqueue(ProcessImage(image(2)))

            await second.until_begun(ProcessImage(image(2)))

    async def test_what_waits_outlives_the_forgetting_of_what_is_done(self, jobs: Jobs) -> None:
        await jobs.enqueue(PROCESS)

        await jobs.forget_finished()

        assert await jobs.depth() == 1
