"""What all signals must do. Subclass the suite and give it the fixture `signals`."""
# ruff: noqa: D102 - a test's name is its sentence

import asyncio
from datetime import timedelta

from safelight.domain.image import ImageId
from safelight.ports.signals import Signals

IMAGE, OTHER = ImageId("1" * 32), ImageId("2" * 32)
AT_ONCE = timedelta(0)
SOON = timedelta(milliseconds=20)
LONG = timedelta(seconds=30)
"""Far longer than a test that passes takes."""


class SignalsContract:
    """Changes wake those who wait for them, and nobody else."""

    async def test_a_waiter_wakes_when_its_image_changes(self, signals: Signals) -> None:
        async with signals.waiter(IMAGE) as waiter:
            waiting = asyncio.create_task(waiter.wait(LONG))
            await asyncio.sleep(0)

            await signals.changed(IMAGE)

            assert await waiting

    async def test_a_change_between_opening_and_waiting_counts(self, signals: Signals) -> None:
        async with signals.waiter(IMAGE) as waiter:
            await signals.changed(IMAGE)

            assert await waiter.wait(LONG)

    async def test_a_change_between_two_waits_counts(self, signals: Signals) -> None:
        async with signals.waiter(IMAGE) as waiter:
            await signals.changed(IMAGE)
            await waiter.wait(LONG)
            await signals.changed(IMAGE)

            assert await waiter.wait(LONG)

    async def test_a_change_is_heard_once(self, signals: Signals) -> None:
        async with signals.waiter(IMAGE) as waiter:
            await signals.changed(IMAGE)
            await waiter.wait(LONG)

            assert not await waiter.wait(SOON)

    async def test_without_a_change_the_time_runs_out(self, signals: Signals) -> None:
        async with signals.waiter(IMAGE) as waiter:
            assert not await waiter.wait(AT_ONCE)
            assert not await waiter.wait(SOON)

    async def test_a_change_before_opening_is_not_heard(self, signals: Signals) -> None:
        await signals.changed(IMAGE)

        async with signals.waiter(IMAGE) as waiter:
            assert not await waiter.wait(SOON)

    async def test_a_change_of_another_image_is_not_heard(self, signals: Signals) -> None:
        async with signals.waiter(IMAGE) as waiter:
            await signals.changed(OTHER)

            assert not await waiter.wait(SOON)

    async def test_hundreds_of_waiters_wake_together(self, signals: Signals) -> None:
        opened = asyncio.Semaphore(0)

        async def wait() -> bool:
            async with signals.waiter(IMAGE) as waiter:
                opened.release()
                return await waiter.wait(LONG)

        waiting = [asyncio.create_task(wait()) for _ in range(500)]
        for _ in waiting:
            await opened.acquire()
        await signals.changed(IMAGE)

        assert all(await asyncio.gather(*waiting))
