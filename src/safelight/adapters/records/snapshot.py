"""Reading: ports.records.Snapshot on one connection."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import ColumnElement, Row, ScalarSelect, Select, and_, func, or_, select, true
from sqlalchemy.ext.asyncio import AsyncConnection

from safelight.adapters.records.declarations import declared_from, holding
from safelight.adapters.records.owners import counted, usage_from
from safelight.adapters.records.places import attached_at
from safelight.adapters.records.rows import (
    api_key_from,
    audit_from,
    delivery_from,
    image_from,
    owner_from,
    rendition_from,
)
from safelight.adapters.records.statements import Statements
from safelight.adapters.records.tables import (
    BYTES_ARE_OWED,
    DUE,
    DUE_AGAIN,
    IS_SHOWN,
    IS_UNSETTLED,
    IS_WANTED_AGAIN,
    OWNER_IS_BLOCKED,
    api_key,
    audit_event,
    delivery,
    image,
    in_state,
    kind,
    owner,
    rendition,
)
from safelight.domain.declaration import Declared
from safelight.domain.errors import ImageNotFound
from safelight.domain.events import AuditEvent, Delivery
from safelight.domain.image import Attachment, Image, ImageId, Rendition, State
from safelight.domain.jobs import DeliveryId
from safelight.domain.owner import Owner, Usage
from safelight.domain.who import ApiKey, ApiKeyId
from safelight.ports.snapshot import AuditFilter, ImageFilter

IDS_AT_ONCE = 10_000
"""Parameters of one query: well under SQLite's limit of 32,766 (its "Implementation Limits", item 9)."""


HELD_BACK_AT_MOST = 100_000
"""Events that come late to the log, after a time without the database: ten processes hold so many, and drop more."""


class SqlSnapshot:
    """Reads on a connection, whose owner begins and ends the transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._run = Statements(connection)

    async def image(self, image_id: ImageId) -> Image:
        """Return the record. Raises ImageNotFound."""
        row = await self._first(select(image).where(image.c.id == image_id))
        if row is None:
            raise ImageNotFound(image_id)
        return image_from(row)

    async def images(self, image_ids: Collection[ImageId]) -> Mapping[ImageId, Image]:
        """Return those of the images that exist, however many are asked for."""
        queries = [select(image).where(image.c.id.in_(some)) for some in _portions(image_ids)]
        return {row.id: image_from(row) for query in queries for row in await self._all(query)}

    async def page(self, which: ImageFilter, *, after: ImageId | None, limit: int) -> Sequence[Image]:
        """Return images in order of id, newest first, beginning after `after`."""
        older = true() if after is None else image.c.id < after
        query = select(image).where(older, *_conditions(which)).order_by(image.c.id.desc()).limit(limit)
        return [image_from(row) for row in await self._all(query)]

    async def renditions(self, image_id: ImageId) -> Sequence[Rendition]:
        """Return what is stored of an image: by variant, then width, then format."""
        return (await self.renditions_of([image_id])).get(image_id, [])

    async def renditions_of(
        self, image_ids: Collection[ImageId], *, retired_since: datetime | None = None
    ) -> Mapping[ImageId, Sequence[Rendition]]:
        """Return the same for several images; with `retired_since`, what was retired since then as well."""
        counts = IS_SHOWN if retired_since is None else IS_SHOWN | (rendition.c.retired_at >= retired_since)
        found: dict[ImageId, list[Rendition]] = defaultdict(list)
        for some in _portions(image_ids):
            query = select(rendition).where(rendition.c.image_id.in_(some), counts).order_by(*rendition.primary_key)
            for row in await self._all(query):
                found[row.image_id].append(rendition_from(row))
        return dict(found)

    async def shown(
        self, image_ids: Collection[ImageId], variants: Collection[str]
    ) -> Mapping[ImageId, tuple[Image, Sequence[Rendition]]]:
        """Return those of the images that exist, each with what is stored of these variants: in one query."""
        stored = and_(rendition.c.image_id == image.c.id, rendition.c.variant.in_(variants), IS_SHOWN)
        columns = [*image.c, *(column.label(f"rendition_{column.name}") for column in rendition.c)]
        query = select(*columns).outerjoin_from(image, rendition, stored).where(image.c.id.in_(image_ids))
        found: dict[ImageId, tuple[Image, list[Rendition]]] = {}
        for row in await self._all(query.order_by(*rendition.primary_key)):
            _, renditions = found.setdefault(row.id, (image_from(row), []))
            if row.rendition_variant is not None:
                renditions.append(rendition_from(row, prefix="rendition_"))
        return found

    async def attached(self, target: Attachment, kind: str | None = None) -> Sequence[Image]:
        """Return the images at a record that are not over: by kind, then in their order."""
        return [image_from(row) for row in await self._all(attached_at(target, kind))]

    async def owner(self, owner_id: str) -> Owner:
        """Return what an owner uses; nothing where it is not known."""
        row = await self._first(select(owner).where(owner.c.id == owner_id))
        return Owner(owner_id) if row is None else owner_from(row)

    async def list_owners(self, *, after: str | None, limit: int, blocked: bool = False) -> Sequence[Owner]:
        """Return owners in order of id, beginning after `after`; with `blocked` those alone that are."""
        later = true() if after is None else owner.c.id > after
        wanted = owner.c.blocked_at.is_not(None) if blocked else true()
        rows = await self._all(select(owner).where(later, wanted).order_by(owner.c.id).limit(limit))
        return [owner_from(row) for row in rows]

    async def counted(self, owner_id: str) -> Usage:
        """Count from the images what an owner uses."""
        return usage_from((await self._run.execute(counted(owner_id))).one())

    async def awaiting_work(self, now: datetime, *, limit: int, abandoned: bool = False) -> Sequence[Image]:
        """Return images that a worker should have, longest waiting first; `abandoned` looks at no lease."""
        lapsed = true() if abandoned else image.c.lease_until <= now
        free = select(image).where(~OWNER_IS_BLOCKED).limit(limit)
        uploaded = free.where(in_state(State.UPLOADED), now >= DUE).order_by(DUE)
        taken = free.where(in_state(State.PROCESSING), lapsed).order_by(image.c.lease_until)
        found = [image_from(row) for query in (uploaded, taken) for row in await self._all(query)]
        return sorted(found, key=_waiting_since)[:limit]

    async def awaiting_reprocess(self, now: datetime, *, limit: int) -> Sequence[Image]:
        """Return ready images that are wanted to be rendered again and due: longest due first."""
        due = select(image).where(IS_WANTED_AGAIN, now >= DUE_AGAIN, ~OWNER_IS_BLOCKED).order_by(DUE_AGAIN).limit(limit)
        return [image_from(row) for row in await self._all(due)]

    async def unconfirmed(self, now: datetime, *, limit: int) -> Sequence[Image]:
        """Return requested images whose last upload URL has ended and that are due: oldest first."""
        ended = (in_state(State.REQUESTED), image.c.expires_at <= now, now >= DUE, ~OWNER_IS_BLOCKED)
        rows = await self._all(select(image).where(*ended).order_by(image.c.expires_at).limit(limit))
        return [image_from(row) for row in rows]

    async def unpurged(self, now: datetime, *, limit: int) -> Sequence[Image]:
        """Return images whose bytes are owed and that are due, longest due first."""
        due = select(image).where(BYTES_ARE_OWED, now >= DUE).order_by(image.c.purged_at, DUE)
        rows = await self._all(due.limit(limit))
        return [image_from(row) for row in rows]

    async def unclear(self, now: datetime, *, limit: int) -> Sequence[Image]:
        """Return images one of whose sides is due to be cleared: longest due first."""
        due_at = image.c.clear_due_at
        query = select(image).where(due_at <= now).order_by(due_at).limit(limit)
        return [image_from(row) for row in await self._all(query)]

    async def delivery(self, delivery_id: DeliveryId) -> Delivery | None:
        """Return a delivery, or None."""
        row = await self._first(select(delivery).where(delivery.c.id == delivery_id))
        return None if row is None else delivery_from(row)

    async def unsettled_deliveries(self, now: datetime, *, limit: int) -> Sequence[Delivery]:
        """Return deliveries that are neither settled nor waiting for a later time: longest due first."""
        due = select(delivery).where(IS_UNSETTLED, delivery.c.next_attempt_at <= now)
        in_turn = due.order_by(delivery.c.settled_at, delivery.c.next_attempt_at).limit(limit)
        return [delivery_from(row) for row in await self._all(in_turn)]

    async def api_key(self, key_id: ApiKeyId) -> ApiKey | None:
        """Return a key, revoked or not, or None."""
        row = await self._first(select(api_key).where(api_key.c.id == key_id))
        return None if row is None else api_key_from(row)

    async def api_keys(self) -> Sequence[ApiKey]:
        """Return all keys: oldest first."""
        rows = await self._all(select(api_key).order_by(api_key.c.created_at, api_key.c.id))
        return [api_key_from(row) for row in rows]

    async def audit_log(self, which: AuditFilter, *, after: int | None, limit: int) -> Sequence[tuple[int, AuditEvent]]:
        """Return events with their numbers, oldest first, beginning after number `after`."""
        later = [_from_then(which) if after is None else audit_event.c.id > after]
        query = select(audit_event).where(*later, *_audit_conditions(which)).order_by(audit_event.c.id).limit(limit)
        return [(row.id, audit_from(row)) for row in await self._all(query)]

    async def audit_latest(self, which: AuditFilter, *, limit: int) -> Sequence[tuple[int, AuditEvent]]:
        """Return the last events with their numbers, oldest first."""
        query = select(audit_event).where(*_audit_conditions(which)).order_by(audit_event.c.id.desc()).limit(limit)
        return [(row.id, audit_from(row)) for row in reversed(await self._all(query))]

    async def audit_count(self, which: AuditFilter) -> int:
        """Return how many such events there are."""
        query = select(func.count()).select_from(audit_event).where(*_audit_conditions(which))
        return int((await self._run.execute(query)).scalar_one())

    async def counts(self, *, at_most: int | None = None) -> Mapping[State, int]:
        """Return how many images there are in each state; where there are more than `at_most`, that."""
        if at_most is None:
            rows = await self._all(select(image.c.state, func.count()).group_by(image.c.state))
            return dict.fromkeys(State, 0) | {row[0]: row[1] for row in rows}
        counted = {state: _count(state, at_most).label(state) for state in State}
        row = await self._first(select(*counted.values()))
        return {} if row is None else dict(zip(counted, row, strict=True))

    async def oldest_waiting(self) -> datetime | None:
        """Return since when the longest-waiting uploaded image has been waiting for a worker, or None."""
        row = await self._first(select(DUE).where(in_state(State.UPLOADED)).order_by(DUE).limit(1))
        return None if row is None else row[0]

    async def declared(self, kind_name: str) -> Declared | None:
        """Return the declaration that holds for a kind, or None."""
        row = await self._first(holding().where(kind.c.name == kind_name))
        return None if row is None else declared_from(row)

    async def every_declared(self) -> Sequence[Declared]:
        """Return the declarations that hold, in order of their kinds' names."""
        return [declared_from(row) for row in await self._all(holding())]

    async def _first(self, query: Select[*tuple[Any, ...]]) -> Row[*tuple[Any, ...]] | None:
        return (await self._run.execute(query)).first()

    async def _all(self, query: Select[*tuple[Any, ...]]) -> Sequence[Row[*tuple[Any, ...]]]:
        return (await self._run.execute(query)).all()


def _portions(ids: Collection[ImageId]) -> Iterator[Sequence[ImageId]]:
    """Split ids so that each query stays within what a database takes."""
    waiting = iter(ids)
    while some := list(islice(waiting, IDS_AT_ONCE)):
        yield some


def _count(state: State, at_most: int) -> ScalarSelect[int]:
    some = select(image.c.id).where(in_state(state)).limit(at_most).subquery()
    return select(func.count()).select_from(some).scalar_subquery()


def _conditions(which: ImageFilter) -> list[ColumnElement[bool]]:
    attached = which.attached_to
    wanted = {
        image.c.kind: which.kind,
        image.c.owner: which.owner,
        image.c.attached_type: attached.type if attached else None,
        image.c.attached_id: attached.id if attached else None,
    }
    conditions = [column == value for column, value in wanted.items() if value is not None]
    return conditions if which.state is None else [in_state(which.state), *conditions]


def _audit_conditions(which: AuditFilter) -> list[ColumnElement[bool]]:
    conditions = []
    if which.image_id is not None:
        conditions.append(audit_event.c.image_id == which.image_id)
    if which.owner is not None:
        conditions.append(or_(audit_event.c.owner == which.owner, audit_event.c.actor == f"user:{which.owner}"))
    if which.since is not None:
        conditions.append(audit_event.c.at >= which.since)
    return conditions


def _from_then(which: AuditFilter) -> ColumnElement[bool]:
    """Return what keeps a list that begins at some moment from looking at all events before it.

    Numbers grow with time, but for events that were held back (adapters.audit): the first number is one of those of
    the first events, by their time.
    """
    if which.since is None or which.image_id is not None or which.owner is not None:
        return true()
    first = select(audit_event.c.id).where(audit_event.c.at >= which.since).order_by(audit_event.c.at)
    return audit_event.c.id >= select(func.min(first.limit(HELD_BACK_AT_MOST).subquery().c.id)).scalar_subquery()


def _waiting_since(waiting: Image) -> datetime:
    """Return since when an image has been waiting for a worker: its lease's end, or what `DUE` says."""
    return waiting.lease_until or waiting.next_attempt_at or waiting.created_at
