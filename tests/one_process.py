"""A process that is killed at a certain step, or that something happens to there, as often as it takes steps."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

from safelight.domain.errors import ImageBusy, ObjectMissing, WrongState
from safelight.domain.image import Image
from safelight.ports.records import Records, Transaction
from storing import Deed, World


class Killed(BaseException):
    """The process is no more."""


async def kill() -> None:
    """End the process."""
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
        """Take a step."""
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
        """See `Records.transaction`."""
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
