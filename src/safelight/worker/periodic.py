"""What the worker does by the clock."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import structlog

log = structlog.get_logger()


async def every(interval: timedelta, name: str, action: Callable[[], Awaitable[object]]) -> None:
    """Run the action now and then after every interval, until cancelled. What it raises is logged: the next may do."""
    while True:
        try:
            await action()
        except Exception:
            log.exception("upkeep_failed", what=name)
        await asyncio.sleep(interval.total_seconds())
