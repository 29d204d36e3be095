"""Images by chance, without a look at all of them: ids begin with the time, so there is one next to any moment."""

import secrets
from itertools import islice

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from safelight.adapters.records.tables import image
from safelight.domain.image import ImageId


async def by_chance(which: ColumnElement[bool], connection: AsyncConnection, *, most: int) -> tuple[set[ImageId], bool]:
    """Return ids of such images, and whether these are all: all where there are no more than `most`, else so many."""
    ids = select(image.c.id).where(which).order_by(image.c.id)
    few = (await connection.execute(ids.limit(most + 1))).scalars().all()
    if len(few) <= most:
        return set(map(ImageId, few)), True
    last = (await connection.execute(select(func.max(image.c.id)).where(which))).scalar_one()
    span = int(last, 16) - int(few[0], 16) + 1
    moments = [f"{int(few[0], 16) + secrets.randbelow(span):032x}" for _ in range(most)]
    found = [(await connection.execute(ids.where(image.c.id >= moment).limit(1))).scalar_one() for moment in moments]
    distinct = dict.fromkeys((*found, *few))  # one may lie next to several moments: others are the oldest
    return set(islice(distinct, most)), False
