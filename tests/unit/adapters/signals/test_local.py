"""Waiters leave nothing behind, however they end."""

import asyncio
from contextlib import suppress
from datetime import timedelta

import pytest

from safelight.adapters.signals.local import LocalSignals
from safelight.domain.errors import Busy
from safelight.domain.image import ImageId

IMAGE = ImageId("1" * 32)
LONG = timedelta(seconds=30)


async def test_a_waiter_that_is_done_is_forgotten() -> None:
    signals = LocalSignals()

    async with signals.waiter(IMAGE), signals.waiter(IMAGE):
        during = len(signals)

    assert (during, len(signals)) == (2, 0)


async def test_a_waiter_that_is_cancelled_is_forgotten() -> None:
    signals, opened = LocalSignals(), asyncio.Event()

    async def wait() -> None:
        async with signals.waiter(IMAGE) as waiter:
            opened.set()
            await waiter.wait(LONG)

    waiting = asyncio.create_task(wait())
    await opened.wait()
    waiting.cancel()
    with suppress(asyncio.CancelledError):
        await waiting

    assert len(signals) == 0


async def test_changes_that_nobody_waits_for_leave_nothing() -> None:
    signals = LocalSignals()

    for number in range(100):
        await signals.changed(ImageId(f"{number:032x}"))

    assert len(signals._waiters) == 0  # noqa: SLF001 - what would leak


async def test_one_waiter_too_many_is_refused_and_a_place_that_is_left_can_be_taken() -> None:
    signals = LocalSignals(max_waiters=2)

    async with signals.waiter(IMAGE), signals.waiter(IMAGE):
        with pytest.raises(Busy):
            async with signals.waiter(IMAGE):
                pass

    async with signals.waiter(IMAGE):
        assert len(signals) == 1
