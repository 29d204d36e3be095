"""Whether this process can do its work now: what `/readyz` tells."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

from safelight.domain.errors import Busy, DiskFull
from safelight.ports.clock import Clock
from safelight.ports.object_store import ObjectStore
from safelight.ports.records import Records

WITHIN_S = 5.0
"""A database or store that takes longer to answer is not ready to serve."""

KEPT_FOR = timedelta(seconds=1)
"""Anybody may ask, and as often as they like; what is asked of database and store stays bounded."""

Check = Callable[[], Awaitable[None]]
"""Raises what keeps this process from its work."""


class Readiness:
    """Asks every check, at once, and no more than once a second however many want to know."""

    def __init__(self, checks: Sequence[Check], clock: Clock) -> None:
        self._checks = checks
        self._clock = clock
        self._stopping = False
        self._asking: asyncio.Task[None] | None = None
        self._kept_until = clock.now()

    def stop(self) -> None:
        """Say from now on that this process is about to end, so that nobody sends it more."""
        self._stopping = True

    async def __call__(self) -> None:
        """Return where all is well. Raises Busy, StorageFailed, DiskFull."""
        if self._stopping:
            raise Busy
        if self._asking is None or (self._asking.done() and self._clock.now() >= self._kept_until):
            self._asking = asyncio.create_task(self._ask())
        await asyncio.shield(self._asking)

    async def _ask(self) -> None:
        try:
            async with asyncio.timeout(WITHIN_S):
                await asyncio.gather(*(check() for check in self._checks))
        except TimeoutError:
            raise Busy from None
        finally:
            self._kept_until = self._clock.now() + KEPT_FOR


def database_answers(records: Records) -> Check:
    """Return the check that the database answers. It raises StorageFailed."""

    async def check() -> None:
        async with records.glance() as snapshot:
            await snapshot.oldest_waiting()

    return check


def store_answers(objects: ObjectStore, *, min_free_bytes: int) -> Check:
    """Return the check that the store answers, and has room for uploads. It raises StorageFailed, DiskFull."""

    async def check() -> None:
        await objects.check()
        free = await objects.free_bytes()
        if free is not None and free < min_free_bytes:
            raise DiskFull

    return check
