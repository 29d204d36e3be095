"""Tells workers on every host that jobs came.

PgQueuer's trigger would do so in each transaction; but Postgres lets no two that notify commit at the same time. A
NOTIFY that follows the commits, one for however many there were, keeps nobody waiting. Should it be lost, a worker
looks for itself soon.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol

from safelight.adapters.queue.schema import SETTINGS

RUNG = "jobs"
"""The payload: there is nothing more to say."""


class Channel(Protocol):
    """The connection of this process that listens for NOTIFY, and sends it."""

    async def listen(self, channel: str, heard: Callable[[str], None], *, again: Callable[[], None]) -> None:
        """Let `heard` have each payload, and `again` know when some may have been missed."""
        ...

    async def notify(self, channel: str, payload: str) -> bool:
        """Send a payload; False where that cannot be done now."""
        ...


class Bell:
    """Rings once for all that ask meanwhile."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._wanted = asyncio.Event()

    def ring(self) -> None:
        """Ask for it. Never waits."""
        self._wanted.set()

    async def keep(self) -> None:
        """Ring whenever it is asked for, until cancelled."""
        while True:
            await self._wanted.wait()
            await self.flush()

    async def flush(self) -> None:
        """Ring, if it is asked for."""
        if self._wanted.is_set():
            self._wanted.clear()
            await self._channel.notify(SETTINGS.channel, RUNG)
