"""Much to do, some at a time: what a store lists, and work on each of it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterable
from typing import TypeVar

Listed = TypeVar("Listed")


async def batches(listing: AsyncIterator[Listed], size: int) -> AsyncIterator[list[Listed]]:
    """Yield what the listing yields, at most `size` at a time."""
    some: list[Listed] = []
    async for stored in listing:
        some.append(stored)
        if len(some) == size:
            yield some
            some = []
    if some:
        yield some


async def all_of(work: Iterable[Awaitable[None]], parallel: int) -> None:
    """Do all of it, so much at once. Raises the first of what it raises, and ends the rest."""
    waiting = iter(work)

    async def go() -> None:
        for one in waiting:
            await one

    try:
        async with asyncio.TaskGroup() as tasks:
            for _ in range(parallel):
                tasks.create_task(go())
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from errors
