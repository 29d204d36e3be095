"""What is attached where: ports.places.Places on one connection."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, bindparam, delete, exists, select, update

from safelight.adapters.records.rows import image_from
from safelight.adapters.records.statements import Statements
from safelight.adapters.records.tables import IS_OVER, image, place
from safelight.domain.errors import ImageNotFound, WrongState
from safelight.domain.image import Attachment, Image, ImageId

ORDER = (image.c.kind, image.c.position, image.c.attached_at, image.c.id)


class SqlPlaces:
    """Reads and changes what the images say of where they are attached."""

    def __init__(self, statements: Statements) -> None:
        self._run = statements

    async def stay(self, image_id: ImageId) -> Image:
        """Return an image that nobody else attaches elsewhere until the transaction ends. Raises ImageNotFound."""
        await self._run.lock_name(image_id)
        row = (await self._run.execute(select(image).where(image.c.id == image_id))).one_or_none()
        if row is None:
            raise ImageNotFound(image_id)
        return image_from(row)

    async def lock(self, target: Attachment, kind: str) -> Sequence[Image]:
        """Return the images at a place, in order; nobody else changes it until the transaction ends."""
        names = {"type": target.type, "id": target.id, "kind": kind}
        touched = self._run.insert(place).values(names | {"changes": 1})
        await self._run.execute(
            touched.on_conflict_do_update(index_elements=list(place.primary_key), set_={"changes": place.c.changes + 1})
        )
        return [image_from(row) for row in (await self._run.execute(attached_at(target, kind))).all()]

    async def attach(self, image_id: ImageId, target: Attachment, *, position: int, at: datetime) -> Image:
        """Attach an image that is not over. Raises WrongState, ImageNotFound."""
        values = {
            "attached_type": target.type,
            "attached_id": target.id,
            "attached_at": at,
            "position": position,
            "revision": image.c.revision + 1,
        }
        attached = update(image).where(image.c.id == image_id, ~IS_OVER).values(values).returning(image)
        row = (await self._run.execute(attached)).one_or_none()
        if row is not None:
            return image_from(row)
        known = (await self._run.execute(select(image.c.state).where(image.c.id == image_id))).one_or_none()
        if known is None:
            raise ImageNotFound(image_id)
        raise WrongState(image_id, known.state)

    async def hold(self, targets: Collection[Attachment]) -> None:
        """Let nobody else change what is at any place of these records until the transaction ends."""
        for target in sorted(targets, key=lambda one: (one.type, one.id)):
            rows = select(place.c.kind).where(place.c.type == target.type, place.c.id == target.id)
            await self._run.execute(rows.order_by(place.c.kind).with_for_update())

    async def forget(self, target: Attachment) -> None:
        """Forget the places of a record at which nothing is attached any more, and that nobody else holds."""
        used = exists().where(
            image.c.attached_type == place.c.type,
            image.c.attached_id == place.c.id,
            image.c.kind == place.c.kind,
            ~IS_OVER,
        )
        here = (place.c.type == target.type, place.c.id == target.id)
        free = select(place.c.kind).where(*here).with_for_update(skip_locked=True)
        kinds = (await self._run.execute(free)).scalars().all()
        if kinds:
            await self._run.execute(delete(place).where(*here, place.c.kind.in_(kinds), ~used))

    async def arrange(self, image_ids: Sequence[ImageId]) -> None:
        """Give images the positions 0, 1, 2 and so on, in this order."""
        if image_ids:
            arranged = update(image).where(image.c.id == bindparam("arranged")).values(position=bindparam("number"))
            numbered = [{"arranged": image_id, "number": number} for number, image_id in enumerate(image_ids)]
            await self._run.execute(arranged, numbered)


def attached_at(target: Attachment, kind: str | None = None) -> Select[*tuple[Any, ...]]:
    """Return the query for the images at a record that are not over: by kind, then in their order."""
    there = [image.c.attached_type == target.type, image.c.attached_id == target.id, ~IS_OVER]
    if kind is not None:
        there.append(image.c.kind == kind)
    return select(image).where(*there).order_by(*ORDER)
