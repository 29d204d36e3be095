"""Quotas and blocks: ports.owners.Owners on one connection."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, Update, and_, case, delete, func, or_, select, update

from safelight.adapters.records.rows import NOTHING_OF_ITS_FILE, owner_from
from safelight.adapters.records.statements import Statements
from safelight.adapters.records.tables import IS_OVER, image, in_state, owner
from safelight.domain.errors import OwnerBlocked
from safelight.domain.image import Image, ImageId, State
from safelight.domain.owner import CLOCKS_DIFFER, Owner, OwnerLimits, Usage, minute_of, refusal, released

NOTHING = {"images": 0, "bytes": 0, "open_uploads": 0, "minute": 0, "requests": 0}
NOT_NAMED = {"owner": None, "attached_type": None, "attached_id": None, "attached_at": None}


class SqlOwners:
    """Changes the rows of `owner`, always by one conditional statement."""

    def __init__(self, statements: Statements) -> None:
        self._run = statements

    async def reserve(self, owner_id: str, *, size: int, limits: OwnerLimits, now: datetime) -> Owner:
        """Count one request and what it reserves, all or nothing. Raises what `refusal` says."""
        taken = await self._take(owner_id, size, limits, now)
        if taken is not None:
            return taken
        known = await self._held(owner_id)  # so that what is said is true of the moment in which it was refused
        taken = await self._take(owner_id, size, limits, now)
        if taken is None:
            raise refusal(known, limits, size=size, now=now)
        return taken

    async def hold(self, owner_ids: Collection[str]) -> None:
        """Let nobody else change what these owners use until the transaction ends."""
        rows = select(owner.c.id).where(owner.c.id.in_(sorted(owner_ids))).order_by(owner.c.id).with_for_update()
        await self._run.execute(rows)

    async def see_unblocked(self, owner_id: str | None) -> None:
        """Raise OwnerBlocked where the owner is blocked."""
        if owner_id is None:
            return
        row = (await self._run.execute(_one(owner_id).with_for_update(read=True))).one_or_none()
        if row is not None and row.blocked_at is not None:
            raise OwnerBlocked

    async def block(self, owner_id: str, *, at: datetime) -> bool:
        """Block an owner, known or not; False where it is blocked already."""
        await self._held(owner_id)
        return await self._run.did(_change(owner_id, owner.c.blocked_at.is_(None)).values(blocked_at=at))

    async def unblock(self, owner_id: str) -> bool:
        """End a block; False where there is none."""
        return await self._run.did(_change(owner_id, owner.c.blocked_at.is_not(None)).values(blocked_at=None))

    async def recount(self, owner_id: str) -> Owner:
        """Count anew, from the images, what an owner uses, and note it."""
        await self._held(owner_id)  # nobody moves an image of it meanwhile
        used = usage_from((await self._run.execute(counted(owner_id))).one())
        values = {"images": used.images, "bytes": used.bytes, "open_uploads": used.open_uploads}
        return owner_from((await self._run.execute(_change(owner_id).values(values).returning(owner))).one())

    async def forget(self, owner_id: str, image_ids: Collection[ImageId]) -> int:
        """Take the owner's name, and what the files were, off images that are over; forget an owner without others."""
        gone = update(image).where(image.c.owner == owner_id, image.c.id.in_(image_ids), IS_OVER)
        renamed = (await self._run.execute(gone.values(NOT_NAMED | NOTHING_OF_ITS_FILE))).rowcount
        unused = (owner.c.id == owner_id, owner.c.blocked_at.is_(None), owner.c.images == 0)
        await self._run.execute(delete(owner).where(*unused))
        return renamed

    async def release(self, moved: Image, *, was: State) -> None:
        """Give the image's owner back what it need not hold any more, now that the image has left that state."""
        back = released(was, moved.state, size=moved.declared_bytes)
        if moved.owner is not None and back != Usage():
            await self._run.execute(
                _change(moved.owner).values(
                    images=owner.c.images - back.images,
                    bytes=owner.c.bytes - back.bytes,
                    open_uploads=owner.c.open_uploads - back.open_uploads,
                )
            )

    async def _take(self, owner_id: str, size: int, limits: OwnerLimits, now: datetime) -> Owner | None:
        """Compare and set: None where a limit stands in the way, or nobody knows the owner."""
        minute = minute_of(now)
        # A host whose clock is behind counts on in the minute of the others.
        anew = or_(owner.c.minute < minute, owner.c.minute > minute + CLOCKS_DIFFER)
        taken = _change(owner_id, _room(limits, size), or_(anew, owner.c.requests < limits.requests_per_minute))
        values = {
            "images": owner.c.images + 1,
            "bytes": owner.c.bytes + size,
            "open_uploads": owner.c.open_uploads + 1,
            "requests": case((anew, 1), else_=owner.c.requests + 1),
            "minute": case((anew, minute), else_=owner.c.minute),
        }
        row = (await self._run.execute(taken.values(values).returning(owner))).one_or_none()
        return None if row is None else owner_from(row)

    async def _held(self, owner_id: str) -> Owner:
        """Return an owner as nobody else changes it any more; make it where nobody knows it."""
        while True:
            await self._run.insert_new(owner, {"id": owner_id} | NOTHING)
            row = (await self._run.execute(_one(owner_id).with_for_update())).one_or_none()
            if row is not None:  # it may have been erased in between
                return owner_from(row)


def counted(owner_id: str) -> Select[*tuple[int, ...]]:
    """Return the query that counts, from its images, what an owner uses."""
    open_uploads = case((in_state(State.REQUESTED), 1), else_=0)
    return select(
        func.count().label("images"),
        func.coalesce(func.sum(image.c.declared_bytes), 0).label("bytes"),
        func.coalesce(func.sum(open_uploads), 0).label("open_uploads"),
    ).where(image.c.owner == owner_id, ~IS_OVER)


def usage_from(row: Row[*tuple[int, ...]]) -> Usage:
    """Return what `counted` found; Postgres gives sums as decimals."""
    images, size, open_uploads = row
    return Usage(int(images), int(size), int(open_uploads))


def _room(limits: OwnerLimits, size: int) -> ColumnElement[bool]:
    return and_(
        owner.c.blocked_at.is_(None),
        owner.c.images < limits.images,
        owner.c.bytes + size <= limits.bytes,
        owner.c.open_uploads < limits.open_uploads,
    )


def _one(owner_id: str) -> Select[*tuple[Any, ...]]:
    return select(owner).where(owner.c.id == owner_id)


def _change(owner_id: str, *as_known: ColumnElement[bool]) -> Update:
    return update(owner).where(owner.c.id == owner_id, *as_known)
