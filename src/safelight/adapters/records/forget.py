"""Forgetting what is over: rows that nobody can ask for any more, some at a time."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from sqlalchemy import CursorResult, Delete, Executable, Select, delete, exists, select, tuple_

from safelight.adapters.records.tables import IS_UNSETTLED, audit_event, delivery, image, rendition

Execute = Callable[[Executable], Awaitable[CursorResult[*tuple[Any, ...]]]]
"""Runs one statement within the transaction."""


async def forget_retired(execute: Execute, before: datetime, *, limit: int) -> int:
    """Forget renditions that were retired before then, and return how many."""
    old = select(*rendition.primary_key).where(rendition.c.retired_at < before)
    return await _delete(execute, delete(rendition).where(tuple_(*rendition.primary_key).in_(_some(old, limit))))


async def forget_purged(execute: Execute, before: datetime, *, limit: int) -> int:
    """Forget images that were purged before then, with all that is settled; return how many images."""
    owed = exists().where(delivery.c.image_id == image.c.id, IS_UNSETTLED)
    old = select(image.c.id).where(image.c.purged_at < before, ~owed).order_by(image.c.purged_at)
    ids = [row.id for row in (await execute(_some(old, limit))).all()]
    if not ids:
        return 0
    settled = delivery.c.settled_at.is_not(None)
    await execute(delete(rendition).where(rendition.c.image_id.in_(ids)))
    await execute(delete(delivery).where(delivery.c.image_id.in_(ids), settled))
    told = ~exists().where(
        delivery.c.image_id == image.c.id
    )  # one may be owed since, by whoever deleted it just before
    return await _delete(execute, delete(image).where(image.c.id.in_(ids), told))


async def forget_audit(execute: Execute, before: datetime, *, limit: int) -> int:
    """Forget what the audit log says of the time before then; return how many events."""
    old = select(audit_event.c.id).where(audit_event.c.at < before)
    return await _delete(execute, delete(audit_event).where(audit_event.c.id.in_(_some(old, limit))))


def _some(rows: Select[*tuple[Any, ...]], limit: int) -> Select[*tuple[Any, ...]]:
    """Return some of the rows: those that no other process forgets at this moment."""
    return rows.limit(limit).with_for_update(skip_locked=True)


async def _delete(execute: Execute, statement: Delete) -> int:
    return (await execute(statement)).rowcount
