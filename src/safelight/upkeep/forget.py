"""Forget: remove the records of images that were purged long ago, old audit events, and answers kept long enough."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

from safelight.ports.clock import Clock
from safelight.ports.records import Records, Transaction


async def forget_records(
    *, records: Records, clock: Clock, record_retention: timedelta, audit_retention: timedelta, batch: int
) -> int:
    """Forget what is older than that, some in each transaction, and return how many images that were.

    Of answers that were kept for repeated calls those are forgotten that have ended.
    """
    now = clock.now()
    await _all(records, batch, lambda tx: tx.answers.forget(now, limit=batch))
    await _all(records, batch, lambda tx: tx.forget_audit(now - audit_retention, limit=batch))
    return await _all(records, batch, lambda tx: tx.forget_purged(now - record_retention, limit=batch))


async def _all(records: Records, batch: int, forget: Callable[[Transaction], Awaitable[int]]) -> int:
    """Go on until there is less than a batch; others write in between."""
    forgotten = 0
    while True:
        async with records.transaction() as tx:
            some = await forget(tx)
        forgotten += some
        if some < batch:
            return forgotten
