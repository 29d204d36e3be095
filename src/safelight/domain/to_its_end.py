"""What is begun is ended, whoever is cancelled meanwhile."""

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from typing import TypeVar

Result = TypeVar("Result")


async def to_its_end(work: Awaitable[Result]) -> Result:
    """Let `work` end however often the caller is cancelled meanwhile; then be cancelled.

    So is done what must not be cut off half-way: of a commit, nobody would know whether it happened.
    """
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is None:
        return task.result()
    with suppress(Exception):
        task.result()
    raise cancelled
