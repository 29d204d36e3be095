"""Whether what owners are said to use is what their images say."""

import shlex
from typing import Any

from sqlalchemy import Row, Select, case, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from safelight.adapters.records.tables import IS_OVER, image, in_state, owner
from safelight.apps.doctor.finding import Finding, Visit, fine, wrong
from safelight.domain.image import State

NAMED = 3
"""Owners that a finding names; the others are counted."""


async def owners(visit: Visit, connection: AsyncConnection) -> list[Finding]:
    """See that every owner's row is what is counted: quotas go by the row alone."""
    rows = (await connection.execute(_differing())).all()
    if not rows:
        total = (await connection.execute(select(func.count()).select_from(owner))).scalar_one()
        return fine("owners", f"what {total:,} owners use is what is counted")
    more = f"; and {len(rows) - NAMED:,} more" if len(rows) > NAMED else ""
    return wrong(
        "owners",
        "; ".join(map(_difference, rows[:NAMED])) + more,
        "; ".join(f"safelight owners recount {shlex.quote(row.id)}{visit.of_the_folder}" for row in rows[:NAMED]),
    )


def _differing() -> Select[*tuple[Any, ...]]:
    """Return the query for owners whose row, or whose lack of one, is not what their images say."""
    counted = (
        select(
            image.c.owner.label("id"),
            func.count().label("images"),
            func.sum(image.c.declared_bytes).label("bytes"),
            func.sum(case((in_state(State.REQUESTED), 1), else_=0)).label("open_uploads"),
        )
        .where(image.c.owner.is_not(None), ~IS_OVER)
        .group_by(image.c.owner)
        .subquery()
    )
    names = ("images", "bytes", "open_uploads")
    noted = {name: func.coalesce(owner.c[name], 0) for name in names}
    there = {name: func.coalesce(counted.c[name], 0) for name in names}
    owner_id = func.coalesce(owner.c.id, counted.c.id)
    return (
        select(
            owner_id.label("id"),
            *(column.label(f"noted_{name}") for name, column in noted.items()),
            *(column.label(f"counted_{name}") for name, column in there.items()),
        )
        .select_from(owner.join(counted, owner.c.id == counted.c.id, full=True))
        .where(or_(*(noted[name] != there[name] for name in names)))
        .order_by(owner_id)
    )


def _difference(row: Row[*tuple[Any, ...]]) -> str:
    noted = f"{row.noted_images:,} images, {row.noted_bytes:,} bytes, {row.noted_open_uploads:,} open uploads"
    return (
        f"of {row.id!r} there are noted {noted}, and counted {row.counted_images:,}, {row.counted_bytes:,}, "
        f"{row.counted_open_uploads:,}"
    )
