"""Signals reach waiters in other processes, and whatever is lost on the way does no harm."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta

import asyncpg
import pytest

from safelight.adapters.listener import PostgresListener, open_postgres_listener
from safelight.adapters.signals import postgres
from safelight.adapters.signals.postgres import MOST_AT_ONCE, PostgresSignals, open_postgres_signals
from safelight.domain.errors import Busy
from safelight.domain.image import ImageId

IMAGE, OTHER = ImageId("1" * 32), ImageId("2" * 32)
LONG = timedelta(seconds=30)
SOON = timedelta(milliseconds=50)

Process = tuple[PostgresSignals, PostgresListener]


@pytest.fixture
async def lost() -> list[int]:
    """How many changes were told to nobody, each time."""
    return []


@pytest.fixture
async def processes(postgres_url: str, lost: list[int]) -> AsyncIterator[tuple[Process, Process]]:
    """The signals of two processes, each with its connection."""
    async with AsyncExitStack() as stack:
        opened = []
        for _ in range(2):
            listener = await stack.enter_async_context(open_postgres_listener(postgres_url))
            signals = await stack.enter_async_context(open_postgres_signals(listener, lost=lost.append))
            opened.append((signals, listener))
        yield opened[0], opened[1]


async def cut_off(url: str, listener: PostgresListener) -> None:
    """End a listener's connection from the other side."""
    connection = await asyncpg.connect(url)
    await connection.execute(f"SELECT pg_terminate_backend({listener.backend})")
    await connection.close()


async def test_a_change_in_one_process_wakes_waiters_in_another(processes: tuple[Process, Process]) -> None:
    (mine, _), (other, _) = processes

    async with mine.waiter(IMAGE) as waiter, mine.waiter(OTHER) as not_meant:
        await other.changed(IMAGE)

        assert await waiter.wait(LONG)
        assert not await not_meant.wait(SOON)


async def test_a_process_hears_its_own_changes_once(processes: tuple[Process, Process]) -> None:
    (mine, _), (other, _) = processes

    async with mine.waiter(IMAGE) as waiter, other.waiter(IMAGE) as elsewhere:
        await mine.changed(IMAGE)
        assert await waiter.wait(LONG)
        assert await elsewhere.wait(LONG)  # so that its own came back by now, or is about to

        assert not await waiter.wait(SOON)


async def test_many_changes_at_once_all_come(processes: tuple[Process, Process]) -> None:
    (mine, _), (other, _) = processes
    images = [ImageId(f"{number:032x}") for number in range(2 * MOST_AT_ONCE + 1)]

    async with AsyncExitStack() as stack:
        waiters = [await stack.enter_async_context(mine.waiter(image_id)) for image_id in images]
        for image_id in images:
            await other.changed(image_id)

        assert all(await asyncio.gather(*(waiter.wait(LONG) for waiter in waiters)))


async def test_whoever_waits_wakes_when_something_may_have_been_missed(
    processes: tuple[Process, Process], postgres_url: str
) -> None:
    (mine, listener), _ = processes

    async with mine.waiter(IMAGE) as waiter:
        await cut_off(postgres_url, listener)

        assert await waiter.wait(LONG)


async def test_a_change_that_cannot_be_told_is_told_later(
    processes: tuple[Process, Process], postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "TELL_AGAIN_AFTER_S", 0.05)
    (mine, _), (other, listener) = processes
    await cut_off(postgres_url, listener)

    async with mine.waiter(IMAGE) as waiter:
        await other.changed(IMAGE)

        assert await waiter.wait(LONG)


async def test_of_too_many_untold_changes_the_oldest_are_lost_and_counted(lost: list[int]) -> None:
    class Deaf:
        """A connection that is not there."""

        async def listen(self, _channel: str, _heard: object, *, again: object) -> None:
            del again

        async def notify(self, _channel: str, _payload: str) -> bool:
            return False

    async with open_postgres_signals(Deaf(), lost=lost.append) as signals:
        for number in range(postgres.MOST_KEPT + 3):
            await signals.changed(ImageId(f"{number:032x}"))
        before_the_end = sum(lost)

    assert (before_the_end, sum(lost)) == (3, postgres.MOST_KEPT + 3)


async def test_at_most_so_many_wait_in_one_process(postgres_url: str) -> None:
    async with (
        open_postgres_listener(postgres_url) as listener,
        open_postgres_signals(listener, max_waiters=1) as signals,
        signals.waiter(IMAGE),
    ):
        with pytest.raises(Busy):
            async with signals.waiter(OTHER):
                pass
        assert len(signals) == 1
