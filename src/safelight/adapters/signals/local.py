"""Signals within one process: every waiter is an event of the event loop."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from safelight.domain.errors import Busy
from safelight.domain.image import ImageId


class EventWaiter:
    """Waits for changes of one image."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()

    def wake(self) -> None:
        """Let the present wait, or the next one, return at once."""
        self._changed.set()

    async def wait(self, at_most: timedelta) -> bool:
        """Return True as soon as the image changed, or False after that time."""
        try:
            async with asyncio.timeout(at_most.total_seconds()):
                await self._changed.wait()
        except TimeoutError:
            return False
        self._changed.clear()
        return True


class LocalSignals:
    """ports.signals.Signals for one process, and at most `max_waiters` at once. Used within one event loop."""

    def __init__(self, *, max_waiters: int | None = None) -> None:
        self._max_waiters = max_waiters
        self._count = 0
        self._waiters: defaultdict[ImageId, set[EventWaiter]] = defaultdict(set)

    async def changed(self, image_id: ImageId) -> None:
        """Wake everyone who waits for this image."""
        self.wake(image_id)

    def wake(self, image_id: ImageId) -> None:
        """Wake everyone who waits for this image."""
        for waiter in self._waiters.get(image_id, ()):
            waiter.wake()

    def wake_all(self) -> None:
        """Wake everyone who waits."""
        for waiters in self._waiters.values():
            for waiter in waiters:
                waiter.wake()

    @asynccontextmanager
    async def waiter(self, image_id: ImageId) -> AsyncIterator[EventWaiter]:
        """Return a block in which changes of the image are heard. Raises Busy where too many wait already."""
        if self._max_waiters is not None and self._count >= self._max_waiters:
            raise Busy
        waiter = EventWaiter()
        self._waiters[image_id].add(waiter)
        self._count += 1
        try:
            yield waiter
        finally:
            self._count -= 1
            self._waiters[image_id].discard(waiter)
            if not self._waiters[image_id]:
                del self._waiters[image_id]

    def __len__(self) -> int:
        """Return how many waiters there are."""
        return self._count
