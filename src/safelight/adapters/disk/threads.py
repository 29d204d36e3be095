"""Work that waits for the disk, done in threads, so that the event loop never does."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import AbstractContextManager
from typing import ParamSpec, TypeVar

from safelight.ports.observe import Observe, ignore, timed

P = ParamSpec("P")
T = TypeVar("T")


class Threads:
    """Runs blocking work in a pool of threads.

    `observe` hears how long that took which `timed` names, the wait for a thread included.
    """

    def __init__(self, pool: Executor, *, observe: Observe = ignore) -> None:
        self._pool = pool
        self._observe = observe

    def timed(self, what: str) -> AbstractContextManager[None]:
        """Return a block whose duration is observed, however it ends."""
        return timed(what, self._observe)

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do `work` in a thread and return what it returns.

        Work that was asked for is carried through, even where the caller is cancelled: half of it would leave a mess.
        """
        loop = asyncio.get_running_loop()
        return await asyncio.shield(loop.run_in_executor(self._pool, lambda: work(*args, **kwargs)))

    async def acquire(self, make: Callable[[], T], *, release: Callable[[T], None]) -> T:
        """Do `make` in a thread and return what it returns; release that where the caller is cancelled meanwhile."""
        loop = asyncio.get_running_loop()
        making = loop.run_in_executor(self._pool, make)
        try:
            return await asyncio.shield(making)
        except asyncio.CancelledError:
            making.add_done_callback(lambda made: self._give_up(made, release))
            raise

    def _give_up(self, made: asyncio.Future[T], release: Callable[[T], None]) -> None:
        if not made.cancelled() and made.exception() is None:
            self._pool.submit(release, made.result())
