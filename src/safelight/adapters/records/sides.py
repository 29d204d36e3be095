"""Who moves which image: ports.sides.Sides on one connection."""

from datetime import datetime

from sqlalchemy import update

from safelight.adapters.records.rows import image_from
from safelight.adapters.records.statements import Statements
from safelight.adapters.records.tables import image
from safelight.domain.image import Image, ImageId


class SqlSides:
    """Changes what the images say of their other side, always by one conditional statement."""

    def __init__(self, statements: Statements) -> None:
        self._run = statements

    async def take(self, known: Image, *, clear_due_at: datetime) -> Image | None:
        """Let one move or clear the image: attempt + 1, to be clear by then; None where another was faster."""
        as_known = (
            image.c.id == known.id,
            image.c.state == known.state,
            image.c.attempt == known.attempt,
            image.c.clear_due_at.is_not_distinct_from(known.clear_due_at),
        )
        values = {"attempt": known.attempt + 1, "clear_due_at": clear_due_at}
        taken = await self._run.execute(update(image).where(*as_known).values(values).returning(image))
        row = taken.one_or_none()
        return None if row is None else image_from(row)

    async def owe(self, image_id: ImageId, *, at: datetime) -> None:
        """Note that the image is to be cleared, unless that is noted already."""
        clear = (image.c.id == image_id, image.c.clear_due_at.is_(None))
        await self._run.execute(update(image).where(*clear).values(clear_due_at=at))

    async def settle(self, image_id: ImageId, *, due_at: datetime, again_at: datetime | None = None) -> None:
        """Note that the image is clear, or to be cleared again."""
        mine = (image.c.id == image_id, image.c.clear_due_at == due_at)
        await self._run.execute(update(image).where(*mine).values(clear_due_at=again_at))
