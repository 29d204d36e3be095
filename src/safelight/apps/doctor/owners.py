"""Whether what owners are said to use is what their images say."""

import math
import shlex
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, case, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from safelight.adapters.records.store import Database
from safelight.adapters.records.tables import IS_OVER, image, in_state, owner
from safelight.apps.doctor.chance import by_chance
from safelight.apps.doctor.finding import ALL, Finding, Visit, fine, wrong
from safelight.domain.image import State

Differing = Row[*tuple[Any, ...]]
"""An owner whose row, or lack of one, is not what its images say."""

NAMED = 3
"""Owners that a finding names; the others are counted."""


AT_ONCE = 100
"""Owners that are counted in one statement."""

WITHIN_S = 10.0
"""How long to count, beginning with an owner by chance; with `--whole`, to the end."""


@dataclass(slots=True)
class Counted:
    """How many owners were counted, and what was found of those that differ: of the first it is told."""

    owners: int = 0
    differing: int = 0
    told: list[Differing] = field(default_factory=list)
    is_all: bool = True

    def add(self, owners: int, differing: Sequence[Differing]) -> None:
        """Add what was found of some more."""
        self.owners += owners
        self.differing += len(differing)
        self.told += differing[: NAMED - len(self.told)]


async def owners(visit: Visit, database: Database) -> list[Finding]:
    """See that every owner's row is what is counted: quotas go by the row alone."""
    counted = await _counted(visit, database)
    if not counted.differing:
        return fine("owners", f"what {counted.owners:,} owners use is what is counted{_among(counted)}")
    more = f"; and {counted.differing - NAMED:,} more" if counted.differing > NAMED else ""
    return wrong(
        "owners",
        "; ".join(map(_difference, counted.told)) + more + _among(counted),
        "; ".join(f"safelight owners recount {shlex.quote(row.id)}{visit.of_the_folder}" for row in counted.told),
    )


def _among(counted: Counted) -> str:
    return "" if counted.is_all else f", of {counted.owners:,} that {WITHIN_S:.0f} s were enough to count ({ALL})"


async def _counted(visit: Visit, database: Database) -> Counted:
    """Count from one owner on to the last, and from the first to that one, for as long as there is time."""
    counted, end = Counted(), math.inf if visit.whole else time.monotonic() + WITHIN_S
    async with database.reading() as connection:
        start = await _by_chance(connection)
    for after, last in ((start, None),) if start is None else ((start, None), (None, start)):
        async for ids, differing in _portions(after, last, database):
            counted.add(len(ids), differing)
            visit.tell(f"owners: {counted.owners:,} counted")
            if ids and time.monotonic() > end:
                counted.is_all = False
                return counted
    return counted


async def _portions(
    after: str | None, last: str | None, database: Database
) -> AsyncIterator[tuple[Sequence[str], Sequence[Differing]]]:
    """Yield some owners at a time, of those in that part, and which of these differ; each time of another moment."""
    while True:
        ids = select(owner.c.id).where(*_within(owner.c.id, after, last)).order_by(owner.c.id).limit(AT_ONCE)
        async with database.reading() as connection:
            some = (await connection.execute(ids)).scalars().all()
            upto = some[-1] if len(some) == AT_ONCE else last
            differing = (await connection.execute(_differing(after, upto))).all()
        yield some, differing
        if upto == last:
            return
        after = upto


async def _by_chance(connection: AsyncConnection) -> str | None:
    """Return the owner of an image by chance; None where none has one."""
    ids, _ = await by_chance(image.c.owner.is_not(None), connection, most=1)
    return (await connection.execute(select(image.c.owner).where(image.c.id.in_(ids)))).scalar()


def _within(column: ColumnElement[str], after: str | None, upto: str | None) -> list[ColumnElement[bool]]:
    bounds = [] if after is None else [column > after]
    return bounds if upto is None else [*bounds, column <= upto]


def _differing(after: str | None, upto: str | None) -> Select[*tuple[Any, ...]]:
    """Return the query for owners, of those in that part, whose row, or lack of one, is not what their images say."""
    known = select(owner).where(*_within(owner.c.id, after, upto)).subquery()
    counted = (
        select(
            image.c.owner.label("id"),
            func.count().label("images"),
            func.sum(image.c.declared_bytes).label("bytes"),
            func.sum(case((in_state(State.REQUESTED), 1), else_=0)).label("open_uploads"),
        )
        .where(image.c.owner.is_not(None), *_within(image.c.owner, after, upto), ~IS_OVER)
        .group_by(image.c.owner)
        .subquery()
    )
    names = ("images", "bytes", "open_uploads")
    noted = {name: func.coalesce(known.c[name], 0) for name in names}
    there = {name: func.coalesce(counted.c[name], 0) for name in names}
    owner_id = func.coalesce(known.c.id, counted.c.id)
    return (
        select(
            owner_id.label("id"),
            *(column.label(f"noted_{name}") for name, column in noted.items()),
            *(column.label(f"counted_{name}") for name, column in there.items()),
        )
        .select_from(known.join(counted, known.c.id == counted.c.id, full=True))
        .where(or_(*(noted[name] != there[name] for name in names)))
        .order_by(owner_id)
    )


def _difference(row: Differing) -> str:
    noted = f"{row.noted_images:,} images, {row.noted_bytes:,} bytes, {row.noted_open_uploads:,} open uploads"
    return (
        f"of {row.id!r} there are noted {noted}, and counted {row.counted_images:,}, {row.counted_bytes:,}, "
        f"{row.counted_open_uploads:,}"
    )
