"""Whoever is killed, and whoever is at it at the same moment: what is noted is there, and what is there is noted."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path

import pytest

from safelight.adapters.records.engine import WRITER_PRAGMAS
from safelight.adapters.records.store import open_records
from safelight.domain.errors import ImageBusy, ObjectMissing, StorageFailed, WrongState
from safelight.domain.image import Image
from safelight.domain.keys import Key
from safelight.ports.records import Records, Transaction
from safelight.testing.fakes import RecordingJobs
from safelight.upkeep.sides import AT_MOST, clear_image
from storing import DEEDS, THUMB, ZOOM, Deed, World, an_image, delete, key_of, lazily, noted_and_there, settle, sweep

MANY = 3
"""Steps that each deed has at least."""


@pytest.fixture
async def world(tmp_path: Path, empty_database: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    """Nobody pulls the plug of these records: some thousand commits need not wait for the disk."""
    monkeypatch.setattr("safelight.adapters.records.engine.WRITER_PRAGMAS", (*WRITER_PRAGMAS, "synchronous=OFF"))
    path = shutil.copy(empty_database, tmp_path / "records.db")
    async with open_records(path, RecordingJobs()) as records:
        yield World(records)


class Killed(BaseException):
    """The process is no more."""


async def kill() -> None:
    raise Killed


class OneProcess:
    """Records and store as one process has them, in which something happens at its n-th step. Fulfils `Records`.

    A step comes before each change of the store, and before and after each transaction. Who is killed takes no other.
    """

    def __init__(self, world: World, number: int, happens: Callable[[], Awaitable[object]]) -> None:
        self._records: Records = world.records
        self._number = number
        self._happens = happens
        self._is_happening = False
        self.steps = 0
        self.reading = world.records.reading
        self.glance = world.records.glance
        self.world = replace(world, records=self)
        world.objects.before = self.step

    async def step(self, *_: object) -> None:
        if self._is_happening:
            return
        self.steps += 1
        if self.steps == self._number or (self.steps > self._number and self._happens is kill):
            self._is_happening = True
            try:
                with suppress(ImageBusy, WrongState):
                    await self._happens()
            finally:
                self._is_happening = False

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        await self.step()
        async with self._records.transaction() as tx:
            yield tx
        await self.step()


async def runs(world: World, deed: Deed, image: Image, number: int, happens: Callable[[], Awaitable[object]]) -> bool:
    """Do it, with what happens at its n-th step; return whether it has so many."""
    process = OneProcess(world, number, happens)
    try:
        await deed(process.world, image)
    except* (Killed, ImageBusy, WrongState, ObjectMissing):
        pass
    world.objects.before = lambda *_: asyncio.sleep(0)
    return process.steps >= number


@pytest.mark.parametrize("deed", DEEDS)
async def test_wherever_one_is_killed_what_is_noted_is_there_and_in_the_end_nothing_else(world: World, deed: Deed):
    for number in count(1):
        image = await an_image(world, number)
        killed = await runs(world, deed, image, number, kill)
        noted, there = await noted_and_there(world, image)
        await settle(world, image)

        assert noted <= there
        assert await noted_and_there(world, image) == (noted, noted)
        assert await lazily(world, image) == (0 if any("/zoom-" in key for key in noted) else 1)
        if not killed:
            break

    assert number > MANY


@pytest.mark.parametrize("other", DEEDS)
@pytest.mark.parametrize("deed", DEEDS)
async def test_whatever_another_does_meanwhile_what_is_noted_is_there_and_in_the_end_nothing_else(
    world: World, deed: Deed, other: Deed
):
    for number in count(1):
        image = await an_image(world, number)
        met = await runs(world, deed, image, number, partial(other, world, image))
        noted, there = await noted_and_there(world, image)
        await settle(world, image)

        assert noted <= there
        assert await noted_and_there(world, image) == (noted, noted)
        if not met:
            break

    assert number > MANY


@pytest.mark.parametrize("deed", DEEDS)
async def test_an_image_that_is_deleted_meanwhile_keeps_nothing(world: World, deed: Deed):
    for number in count(1):
        image = await an_image(world, number)
        met = await runs(world, deed, image, number, partial(delete, world, image))
        await settle(world, image)

        if not met:
            break
        assert await noted_and_there(world, image) == (set(), set())

    assert number > MANY


async def test_nobody_stores_again_what_a_removal_that_failed_may_still_remove(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    """The connection broke, and the store had got the request: it does it half a minute later."""
    image, late = await an_image(world), list[Key]()
    await world.objects.delete(key_of(THUMB, image))

    async def broken(key: Key) -> None:
        late.append(key)
        raise StorageFailed("the connection broke")

    with monkeypatch.context() as patch:
        patch.setattr(world.objects, "delete", broken)
        with pytest.raises(StorageFailed):
            await sweep(world, image)
    world.clock.advance(AT_MOST / 2)
    at_once = await lazily(world, image)
    for key in late:
        await world.objects.delete(key)
    world.clock.advance(AT_MOST / 2)
    await clear_image(image.id, records=world.records, objects=world.objects, clock=world.clock)
    later = await lazily(world, image)

    assert late == [key_of(ZOOM, image)]
    assert (at_once, later) == (0, 1)
    noted, there = await noted_and_there(world, image)
    assert noted == there
