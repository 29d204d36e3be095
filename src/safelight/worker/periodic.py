"""What the worker does by the clock."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import structlog

from safelight.domain.errors import Busy, StorageFailed
from safelight.domain.jobs import Chore, Upkeep
from safelight.ports.clock import Clock
from safelight.ports.jobs import Jobs

log = structlog.get_logger()

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


async def every(interval: timedelta, name: str, action: Callable[[], Awaitable[object]]) -> None:
    """Run the action now and then after every interval, until cancelled. What it raises is logged: the next may do."""
    while True:
        try:
            await action()
        except (StorageFailed, Busy) as away:
            log.warning("upkeep_failed", what=name, code=away.code, reason=str(away))
        except Exception:
            log.exception("upkeep_failed", what=name)
        await asyncio.sleep(interval.total_seconds())


async def rounds(chore: Chore, interval: timedelta, *, jobs: Jobs, clock: Clock) -> None:
    """Queue a round of upkeep now, and then for every full interval, until cancelled.

    However many processes do so, each round runs in one of them.
    """
    run_at = None
    while True:
        try:
            await jobs.enqueue(Upkeep(chore), run_at=run_at)
        except (StorageFailed, Busy) as away:
            log.warning("upkeep_not_queued", what=chore, code=away.code, reason=str(away))
        except Exception:
            log.exception("upkeep_not_queued", what=chore)
        await asyncio.sleep(interval.total_seconds())
        run_at = next_round(clock.now(), interval)


def next_round(now: datetime, interval: timedelta) -> datetime:
    """Return the next moment that is a whole number of intervals after 1970: the same for every process."""
    return EPOCH + ((now - EPOCH) // interval + 1) * interval
