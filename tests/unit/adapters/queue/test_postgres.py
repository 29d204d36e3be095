"""What the queue on Postgres promises besides the contract of queues, on a real one, with real processes."""

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest
from structlog.testing import capture_logs

from safelight.adapters.listener import PostgresListener, open_postgres_listener
from safelight.adapters.queue.install import install_queue
from safelight.adapters.queue.postgres import PostgresQueue, open_postgres_queue
from safelight.adapters.records.migrate_postgres import migrate_postgres
from safelight.domain.image import ImageId
from safelight.domain.jobs import Job, ProcessImage, PurgeImage
from safelight.testing.contracts.jobs import Log, running
from safelight.testing.fakes import FrozenClock
from safelight.testing.postgres import PostgresServer

WORKER = Path(__file__).parents[3] / "queue_process.py"
LONG = timedelta(minutes=5)
"""Far longer than a test takes: what happens sooner was told by somebody."""

PROMPT_S = 2.0
SILENCE = timedelta(seconds=1)
"""After so long without a heartbeat, a worker counts as dead in these tests."""


def image(number: int) -> ImageId:
    return ImageId(f"{number:032x}")


PROCESS, PURGE = ProcessImage(image(1)), PurgeImage(image(1))


@asynccontextmanager
async def opened(
    url: str, *, silence: timedelta = LONG, poll_every: timedelta = LONG, max_tries: int = 5
) -> AsyncIterator[tuple[PostgresQueue, PostgresListener]]:
    async with (
        open_postgres_listener(url) as listener,
        open_postgres_queue(
            url,
            FrozenClock(),
            listener=listener,
            heartbeat_timeout=silence,
            poll_every=poll_every,
            max_tries=max_tries,
        ) as queue,
    ):
        yield queue, listener


def started(url: str, what: str, *, max_tries: int = 5) -> subprocess.Popen[str]:
    words = [sys.executable, str(WORKER), url, what, str(SILENCE.total_seconds()), str(max_tries)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own program


async def until(is_so: Callable[[], bool]) -> None:
    for _ in range(600):
        if is_so():
            return
        await asyncio.sleep(0.05)
    raise AssertionError("not within half a minute")


async def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return (await asyncio.to_thread(process.stdout.readline)).strip()


@pytest.fixture
def workers() -> Iterator[list[subprocess.Popen[str]]]:
    """Processes that end with the test."""
    processes: list[subprocess.Popen[str]] = []
    yield processes
    for process in processes:
        process.kill()
        process.communicate()


async def rows(url: str, statement: str) -> Sequence[asyncpg.Record]:
    connection = await asyncpg.connect(url)
    try:
        return list(await connection.fetch(statement))
    finally:
        await connection.close()


async def test_a_job_is_started_by_its_commit_not_by_the_clock(postgres_url: str):
    log = Log()

    async with opened(postgres_url) as (mine, _), opened(postgres_url) as (other, _), running(mine, log):
        await other.enqueue(PURGE)
        await log.until_begun(PURGE)
        asked_at = time.monotonic()
        await other.enqueue(PROCESS)
        await log.until_begun(PROCESS)

    assert time.monotonic() - asked_at < PROMPT_S


async def test_jobs_for_later_count_as_waiting_once_their_time_has_come(postgres_url: str) -> None:
    async with opened(postgres_url) as (queue, _):
        await queue.enqueue(PROCESS, run_at=FrozenClock().now() + LONG)
        await queue.enqueue(PURGE)
        before = {load.lane: (load.waiting, load.later) for load in await queue.loads(at_most=10)}
        await rows(postgres_url, "UPDATE safelight_pgqueuer SET execute_after = now() - interval '1 second'")
        after = {load.lane: (load.waiting, load.later) for load in await queue.loads(at_most=10)}
        depth = await queue.depth()

    assert (before["rendering"], before["purging"]) == ((0, 1), (1, 0))
    assert (after["rendering"], after["purging"]) == ((1, 0), (1, 0))
    assert depth == 2


async def test_no_more_jobs_are_counted_than_are_asked_for(postgres_url: str) -> None:
    async with opened(postgres_url) as (queue, _):
        for number in range(5):
            await queue.enqueue(ProcessImage(image(number)))
        loads = {load.lane: load.waiting for load in await queue.loads(at_most=3)}

        assert (await queue.depth(at_most=3), await queue.depth()) == (3, 5)
    assert loads["rendering"] == 3


async def test_a_job_for_later_is_started_when_its_time_comes(postgres_url: str):
    log, clock = Log(), FrozenClock()

    async with opened(postgres_url) as (queue, _), running(queue, log):
        await queue.enqueue(PROCESS, run_at=clock.now() + timedelta(seconds=0.5))
        asked_at = time.monotonic()
        await log.until_begun(PROCESS)

    assert 0.4 < time.monotonic() - asked_at < 0.5 + PROMPT_S


async def test_the_next_job_begins_as_soon_as_a_place_is_free(postgres_url: str):
    jobs = [ProcessImage(image(number)) for number in range(50)]
    log = Log()

    async with opened(postgres_url) as (queue, _):
        for job in jobs:
            await queue.enqueue(job)
        began_at = time.monotonic()
        async with running(queue, log, concurrency=1):
            await log.until_begun(*jobs)

    assert log.begun == jobs
    assert time.monotonic() - began_at < 2 * PROMPT_S  # a tenth of a second each is what PgQueuer alone would take


async def test_each_process_has_places_of_its_own(postgres_url: str):
    jobs = [ProcessImage(image(number)) for number in range(4)]
    first, second = Log(stays=frozenset(jobs)), Log(stays=frozenset(jobs))

    async with opened(postgres_url) as (one, _), opened(postgres_url) as (other, _):
        for job in jobs:
            await one.enqueue(job)
        async with running(one, first, concurrency=2), running(other, second, concurrency=2):
            await until(lambda: len(first.begun) + len(second.begun) == 4)

    assert (len(first.begun), len(second.begun)) == (2, 2)


async def test_what_a_stopped_worker_had_begins_elsewhere_at_once(postgres_url: str):
    first, second = Log(stays=frozenset({PROCESS})), Log()

    async with opened(postgres_url) as (one, _), opened(postgres_url) as (other, _):
        await one.enqueue(PROCESS)
        stopped = asyncio.create_task(one.run(first, concurrency=1))
        await first.until_begun(PROCESS)
        async with running(other, second):
            asked_at = time.monotonic()
            stopped.cancel()
            await second.until_begun(PROCESS)
            took = time.monotonic() - asked_at
        await asyncio.wait([stopped])

    assert took < PROMPT_S


async def test_what_a_killed_worker_had_is_recovered_elsewhere_after_its_silence(
    postgres_url: str, workers: list[subprocess.Popen[str]]
):
    handled, recovered = Log(), Log()

    async with opened(postgres_url, silence=SILENCE, poll_every=SILENCE / 4) as (queue, _):
        await queue.enqueue(PROCESS)
        workers.append(started(postgres_url, "hold"))
        assert await line(workers[0]) == "begun"
        workers[0].kill()
        killed_at = time.monotonic()
        runner = asyncio.create_task(queue.run(handled, recover=recovered, concurrency=1))
        await recovered.until_begun(PROCESS)
        took = time.monotonic() - killed_at
        runner.cancel()
        await asyncio.wait([runner])

    assert handled.begun == []
    assert took < 1.5 * SILENCE.total_seconds() + PROMPT_S


async def test_a_worker_that_lives_keeps_its_job_however_long_it_takes(postgres_url: str):
    first, second = Log(stays=frozenset({PROCESS})), Log()

    async with (
        opened(postgres_url, silence=SILENCE, poll_every=SILENCE / 4) as (one, _),
        opened(postgres_url, silence=SILENCE, poll_every=SILENCE / 4) as (other, _),
    ):
        await one.enqueue(PROCESS)
        async with running(one, first):
            await first.until_begun(PROCESS)
            async with running(other, second):
                await asyncio.sleep(2.5 * SILENCE.total_seconds())

    assert (first.begun, second.begun) == ([PROCESS], [])


async def test_a_job_that_ends_every_worker_is_held_and_not_queued_again(
    postgres_url: str, workers: list[subprocess.Popen[str]]
):
    log, mark = Log(), PurgeImage(image(2))

    async with opened(postgres_url, silence=SILENCE, poll_every=SILENCE / 4, max_tries=2) as (queue, _):
        await queue.enqueue(PURGE)
        for _ in range(2):
            workers.append(started(postgres_url, "die", max_tries=2))
            assert await line(workers[-1]) == "begun"
        with capture_logs() as logs:
            async with running(queue, log):
                await until(lambda: "job_held" in [event["event"] for event in logs])
                await queue.enqueue(mark)
                await log.until_begun(mark)
        await queue.enqueue(PURGE)  # as reconcile does, again and again
        depth = await queue.depth()

    assert log.begun == [mark]
    assert depth == 0


async def test_a_lost_listener_is_noticed_and_replaced(postgres_url: str):
    log = Log()

    async with opened(postgres_url) as (queue, listener), running(queue, log):
        await queue.enqueue(PURGE)
        await log.until_begun(PURGE)
        lost, replaced = listener.backend, asyncio.Event()
        await listener.listen("elsewhere", lambda _payload: None, again=replaced.set)
        await rows(postgres_url, f"SELECT pg_terminate_backend({lost})")
        asked_at = time.monotonic()
        await queue.enqueue(PROCESS)
        await log.until_begun(PROCESS)

        assert time.monotonic() - asked_at < PROMPT_S
        async with asyncio.timeout(PROMPT_S):
            await replaced.wait()
        assert listener.backend not in {None, lost}


async def test_work_goes_on_when_postgres_was_killed_and_is_back():
    log = Log()

    def restart(server: PostgresServer) -> None:
        server.kill()
        server.start()

    with PostgresServer(durable=True) as server:
        url = server.create_database("killed")
        await migrate_postgres(url, install=install_queue)
        async with opened(url, silence=SILENCE, poll_every=SILENCE) as (queue, _), running(queue, log):
            await queue.enqueue(PURGE)
            await log.until_begun(PURGE)
            await asyncio.to_thread(restart, server)
            asked_at = time.monotonic()
            await queue.enqueue(PROCESS)
            await log.until_begun(PROCESS)

    assert time.monotonic() - asked_at < 5 * PROMPT_S


async def test_a_job_of_a_later_version_is_left_to_that_one(postgres_url: str):
    log = Log()

    async with opened(postgres_url) as (queue, _):
        await queue.enqueue(PROCESS)
        await rows(postgres_url, "UPDATE safelight_pgqueuer SET payload = 'PaintImage 1 blue', dedupe_key = NULL")
        async with running(queue, log, concurrency=1):
            await queue.enqueue(ProcessImage(image(2)))
            await log.until_begun(ProcessImage(image(2)))
        (left,) = await rows(postgres_url, "SELECT status::text, attempts FROM safelight_pgqueuer")

    assert tuple(left) == ("queued", 0)


async def test_the_log_of_what_is_done_is_forgotten_after_a_while(postgres_url: str):
    log, old, new = Log(), PurgeImage(image(1)), PurgeImage(image(2))

    async with opened(postgres_url) as (queue, _):
        async with running(queue, log):
            await queue.enqueue(old)
            await log.until_begun(old)
        await rows(postgres_url, "UPDATE safelight_pgqueuer_log SET created = now() - interval '1 day'")
        async with running(queue, log):
            await queue.enqueue(new)
            await log.until_begun(new)
        await queue.forget_finished()

    kept = await rows(postgres_url, "SELECT count(DISTINCT job_id) FROM safelight_pgqueuer_log")
    assert kept[0]["count"] == 1


async def test_two_who_ask_for_the_same_job_at_once_queue_it_once(postgres_url: str):
    async with opened(postgres_url) as (one, _), opened(postgres_url) as (other, _):
        await asyncio.gather(*(queue.enqueue(PROCESS) for queue in (one, other) * 5))

        assert await one.depth() == 1


async def test_a_handler_that_will_not_end_does_not_hold_the_queue(postgres_url: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("safelight.adapters.queue.postgres.STOP_WITHIN", timedelta(milliseconds=100))
    begun, may_end = asyncio.Event(), asyncio.Event()

    async def stubborn(_job: Job) -> None:
        while not may_end.is_set():
            try:
                begun.set()
                await may_end.wait()
            except asyncio.CancelledError:
                continue

    async with opened(postgres_url) as (queue, _):
        await queue.enqueue(PROCESS)
        runner = asyncio.create_task(queue.run(stubborn, concurrency=1))
        await begun.wait()
        runner.cancel()
        stopped, _ = await asyncio.wait([runner], timeout=PROMPT_S)
        may_end.set()
        await asyncio.sleep(0.05)

    assert stopped
