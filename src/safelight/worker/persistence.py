"""Trying again at once what would be dear to lose: the end of an image, while the database is away for a moment."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

import structlog

from safelight.domain.errors import Busy, StorageFailed

log = structlog.get_logger(__name__)

PAUSES = (timedelta(milliseconds=500), timedelta(seconds=2), timedelta(seconds=5))
"""A database that is started anew answers within these; after them the lease gives the image to another worker."""

Result = TypeVar("Result")


async def persistently(
    work: Callable[[], Awaitable[Result]], *, pauses: tuple[timedelta, ...] = PAUSES, **about: str
) -> Result:
    """Return what `work` returns; where it raises StorageFailed or Busy, do it again after each pause, then raise that.

    It may have been done although it raised: so it must do no harm the second time. `about` says what it is in the log.
    """
    left = iter(pauses)
    while True:
        try:
            return await work()
        except (StorageFailed, Busy) as error:
            pause = next(left, None)
            if pause is None:
                raise
            log.warning("trying_again", code=error.code, in_seconds=pause.total_seconds(), **about)
        await asyncio.sleep(pause.total_seconds())
