"""Signals between processes: NOTIFY on Postgres brings a change to the waiters of every host.

The waiters of this process hear of its own changes directly. A change that comes while Postgres is away is kept for a
while and told later; it is a hint, and whoever waits reads the record again in any case.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol

import structlog

from safelight.adapters.signals.local import EventWaiter, LocalSignals
from safelight.domain.image import ImageId

log = structlog.get_logger(__name__)

CHANNEL = "safelight_signals"

MOST_AT_ONCE = 200
"""Changes told in one NOTIFY: an id has 32 letters, and a payload of 8,000 bytes is too long."""

MOST_KEPT = 10_000
"""So many changes are kept while they cannot be told; of more, the waiters learn when they read again."""

TELL_AGAIN_AFTER_S = 1.0
FLUSH_WITHIN_S = 2.0


class Channel(Protocol):
    """The connection of this process that listens for NOTIFY, and sends it."""

    async def listen(self, channel: str, heard: Callable[[str], None], *, again: Callable[[], None]) -> None:
        """Let `heard` have each payload, and `again` know when some may have been missed."""
        ...

    async def notify(self, channel: str, payload: str) -> bool:
        """Send a payload; False where that cannot be done now."""
        ...


class PostgresSignals:
    """ports.signals.Signals between processes. Made by `open_postgres_signals`."""

    def __init__(self, channel: Channel, *, max_waiters: int | None, lost: Callable[[int], None]) -> None:
        self._channel = channel
        self._local = LocalSignals(max_waiters=max_waiters)
        self._lost = lost
        self._me = uuid.uuid4().hex
        self._untold: dict[ImageId, None] = {}
        self._more = asyncio.Event()

    async def changed(self, image_id: ImageId) -> None:
        """Wake everyone who waits for this image, here at once and elsewhere soon. Never raises, never waits."""
        await self._local.changed(image_id)
        if len(self._untold) >= MOST_KEPT:
            del self._untold[next(iter(self._untold))]
            self._lost(1)
        self._untold[image_id] = None
        self._more.set()

    def waiter(self, image_id: ImageId) -> AbstractAsyncContextManager[EventWaiter]:
        """Return a block in which changes of the image are heard. Raises Busy where too many wait already."""
        return self._local.waiter(image_id)

    def hear(self, payload: str) -> None:
        """Wake the waiters of what changed in another process."""
        sender, *image_ids = payload.split(" ")
        if sender != self._me:
            for image_id in image_ids:
                self._local.wake(ImageId(image_id))

    def wake_all(self) -> None:
        """Wake everyone: something may have been missed."""
        self._local.wake_all()

    async def tell(self) -> None:
        """Tell the other processes what changes here, until cancelled."""
        while True:
            await self._more.wait()
            self._more.clear()
            while self._untold:
                if not await self._tell_some():
                    await asyncio.sleep(TELL_AGAIN_AFTER_S)

    async def flush(self) -> None:
        """Tell what is not told yet, if that can be done now."""
        while self._untold and await self._tell_some():
            pass

    def give_up(self) -> None:
        """Count what is still not told, and never will be."""
        if self._untold:
            self._lost(len(self._untold))
            self._untold.clear()

    async def _tell_some(self) -> bool:
        some = [*self._untold][:MOST_AT_ONCE]
        for image_id in some:
            del self._untold[image_id]
        if await self._channel.notify(CHANNEL, " ".join((self._me, *some))):
            return True
        self._untold = dict.fromkeys(some) | self._untold
        return False

    def __len__(self) -> int:
        """Return how many waiters there are in this process."""
        return len(self._local)


def ignore(_count: int) -> None:
    """Count nothing."""


@asynccontextmanager
async def open_postgres_signals(
    channel: Channel, *, max_waiters: int | None = None, lost: Callable[[int], None] = ignore
) -> AsyncIterator[PostgresSignals]:
    """Return a block with signals, of which at most so many wait at once; `lost` hears how many were told to nobody."""
    signals = PostgresSignals(channel, max_waiters=max_waiters, lost=lost)
    await channel.listen(CHANNEL, signals.hear, again=signals.wake_all)
    telling = asyncio.create_task(signals.tell())
    try:
        yield signals
    finally:
        telling.cancel()
        await asyncio.wait([telling])
        try:
            async with asyncio.timeout(FLUSH_WITHIN_S):
                await signals.flush()
        except TimeoutError:
            log.warning("signals_not_told")
        signals.give_up()
