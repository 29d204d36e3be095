"""/readyz tells the truth, however often it is asked."""

import asyncio
from datetime import timedelta

import pytest

from safelight.domain.errors import Busy, DiskFull, StorageFailed
from safelight.http.readiness import Readiness, store_answers
from safelight.testing.fakes import FrozenClock
from safelight.testing.memory_store import MemoryObjectStore


class Asked:
    """A check that counts, and breaks while `broken`."""

    def __init__(self) -> None:
        self.count = 0
        self.broken = False

    async def __call__(self) -> None:
        self.count += 1
        await asyncio.sleep(0)
        if self.broken:
            raise StorageFailed("nobody answers")


async def test_a_process_whose_checks_pass_is_ready_until_it_is_to_stop() -> None:
    ready = Readiness([Asked()], FrozenClock())
    await ready()

    ready.stop()

    with pytest.raises(Busy):
        await ready()


async def test_what_breaks_is_told_and_so_is_what_is_mended() -> None:
    clock, check = FrozenClock(), Asked()
    ready = Readiness([Asked(), check], clock)
    await ready()

    check.broken = True
    clock.advance(timedelta(seconds=2))
    with pytest.raises(StorageFailed):
        await ready()
    check.broken = False
    clock.advance(timedelta(seconds=2))

    await ready()


async def test_many_who_ask_at_once_or_soon_after_cost_one_look() -> None:
    clock, check = FrozenClock(), Asked()
    ready = Readiness([check], clock)

    await asyncio.gather(*(ready() for _ in range(50)))
    await ready()
    clock.advance(timedelta(seconds=2))
    await ready()

    assert check.count == 2


async def test_a_store_with_too_little_room_is_not_ready() -> None:
    objects = MemoryObjectStore(room=1)

    await store_answers(objects, min_free_bytes=1)()
    objects.room = 0

    with pytest.raises(DiskFull):
        await store_answers(objects, min_free_bytes=1)()
