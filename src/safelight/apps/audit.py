"""Reads the audit log, some events at a time, whether a server runs or not."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

from safelight.domain.events import AuditEvent
from safelight.ports.records import Records
from safelight.ports.snapshot import AuditFilter

PAGE = 2000
"""Events read at once: a million of them never lie in memory together."""

LOOK_EVERY = timedelta(seconds=1)

Numbered = tuple[int, AuditEvent]


async def latest(which: AuditFilter, *, limit: int, records: Records) -> Sequence[Numbered]:
    """Return the last such events, oldest first."""
    async with records.reading() as snapshot:
        return await snapshot.audit_latest(which, limit=limit)


async def pages(which: AuditFilter, *, after: int | None = None, records: Records) -> AsyncIterator[Sequence[Numbered]]:
    """Yield all such events, oldest first, beginning after number `after`, some at a time."""
    while True:
        async with records.reading() as snapshot:
            some = await snapshot.audit_log(which, after=after, limit=PAGE)
        if some:
            yield some
            after = some[-1][0]
        if len(some) < PAGE:
            return


async def follow(which: AuditFilter, *, after: int, records: Records) -> AsyncIterator[Sequence[Numbered]]:
    """Yield such events as they come, beginning after number `after`, for ever."""
    while True:
        async for some in pages(which, after=after, records=records):
            yield some
            after = some[-1][0]
        await asyncio.sleep(LOOK_EVERY.total_seconds())
