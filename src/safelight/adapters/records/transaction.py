"""Reading and writing: ports.records.Transaction on one connection."""

from collections.abc import Callable, Collection
from dataclasses import asdict
from datetime import datetime
from typing import NoReturn

from sqlalchemy import ColumnElement, Table, Update, delete, insert, select, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from safelight.adapters.records.outbox import Outbox
from safelight.adapters.records.rows import (
    Values,
    api_key_values,
    changed_values,
    image_from,
    look_values,
    new_image_values,
    verified_values,
)
from safelight.adapters.records.snapshot import SqlSnapshot
from safelight.adapters.records.tables import api_key, audit_event, delivery, image, in_state, rendition
from safelight.domain.errors import WrongState
from safelight.domain.events import AuditEvent, Delivery
from safelight.domain.image import BYTES_OWED, NEXT, Image, ImageId, Look, NewImage, Rendition, State, Verified
from safelight.domain.jobs import DeliveryId, Job
from safelight.domain.who import ApiKey, ApiKeyId
from safelight.ports.records import UNCHANGED, Changes

WORKED_ON = (State.PROCESSING, State.READY)
"""States in which a worker has an image: the first time, or to render it again."""

TAKES = {(State.UPLOADED, State.PROCESSING), *((state, state) for state in WORKED_ON)}
"""How a worker takes an image: from the queue, after another worker's lease, or to render it again."""

A_REVISION_ON = {"revision": image.c.revision + 1}
INSERTS: dict[str, Callable[[Table], sqlite.Insert | postgresql.Insert]] = {
    "sqlite": sqlite.insert,
    "postgresql": postgresql.insert,
}
"""The same `insert`, of which each dialect has its own with `on_conflict_do_nothing`."""


class SqlTransaction(SqlSnapshot):
    """Reads and writes on a connection, whose owner begins and ends the transaction."""

    def __init__(self, connection: AsyncConnection, outbox: Outbox) -> None:
        super().__init__(connection)
        self._outbox = outbox

    async def add(self, new: NewImage) -> Image:
        """Create a record in state `requested`."""
        written = await self._execute(insert(image).returning(image), new_image_values(new))
        return image_from(written.one())

    async def move(
        self, image_id: ImageId, *, was: State, now: State, attempt: int | None = None, changes: Changes = UNCHANGED
    ) -> Image:
        """Change the state, only from `was` and at that `attempt`. Raises WrongState, ImageNotFound."""
        if now not in NEXT[was]:
            raise ValueError(f"no image goes from {was} to {now}")
        as_known = [image.c.state == was] + ([] if attempt is None else [image.c.attempt == attempt])
        values = changed_values(changes) | {
            "state": now,
            "lease_until": None,
            "next_attempt_at": changes.next_attempt_at,
        }
        return await self._change_or_refuse(image_id, *as_known, values=values)

    async def resign(self, image_id: ImageId, *, upload_attempt: int, expires_at: datetime) -> Image:
        """Note a further signed upload of a requested image, one attempt above the last. Raises WrongState."""
        as_known = (image.c.state == State.REQUESTED, image.c.upload_attempt == upload_attempt - 1)
        values = {"upload_attempt": upload_attempt, "expires_at": expires_at}
        return await self._change_or_refuse(image_id, *as_known, values=values)

    async def take(self, known: Image, *, now: State, lease_until: datetime) -> Image | None:
        """Make the image this worker's: attempt + 1, a lease, state `now`. None where another was faster."""
        if (known.state, now) not in TAKES:
            raise ValueError(f"no worker takes an image from {known.state} to {now}")
        as_known = (image.c.state == known.state, image.c.attempt == known.attempt)
        values = {"state": now, "attempt": known.attempt + 1, "lease_until": lease_until, "next_attempt_at": None}
        return await self._change(known.id, *as_known, values=values)

    async def note_verified(self, image_id: ImageId, *, attempt: int, verified: Verified, look: Look | None) -> None:
        """Note what the bytes are. Raises WrongState where the image is not this attempt's any more."""
        fence = (image.c.attempt == attempt, in_state(*WORKED_ON))
        await self._change_or_refuse(image_id, *fence, values=verified_values(verified) | look_values(look))

    async def add_rendition(self, new: Rendition, *, attempt: int) -> None:
        """Note a stored rendition; noting it again changes nothing. Raises WrongState as `note_verified` does."""
        # The row stays locked, so that nobody takes the image between the look and the insert. (SQLite has one writer.)
        row = await self._first(select(image).where(image.c.id == new.image_id).with_for_update())
        if row is None or row.attempt != attempt or row.state not in WORKED_ON:
            await self._refuse(new.image_id)
        if await self._insert_new(rendition, asdict(new)):
            await self._raise_revision(new.image_id)

    async def drop_renditions(self, image_id: ImageId, stale: Collection[Rendition]) -> None:
        """Forget renditions. Forgetting what is not there is not an error."""
        of_image = rendition.c.image_id == image_id
        key = tuple_(rendition.c.variant, rendition.c.width, rendition.c.format, rendition.c.fingerprint)
        keys = [(one.variant, one.width, one.format, one.fingerprint) for one in stale]
        dropped = await self._execute(delete(rendition).where(of_image, key.in_(keys)))
        if dropped.rowcount:
            await self._raise_revision(image_id)

    async def note_purged(self, image_id: ImageId, *, at: datetime) -> None:
        """Note that no byte of the image is left; forget its renditions. Raises WrongState where bytes are needed."""
        values = {"purged_at": at, "next_attempt_at": None}
        await self._change_or_refuse(image_id, in_state(*BYTES_OWED), values=values)
        await self._execute(delete(rendition).where(rendition.c.image_id == image_id))

    async def postpone(self, image_id: ImageId, *, until: datetime) -> None:
        """Note that upkeep need not look at the image before then. The revision stays."""
        await self._did(update(image).where(image.c.id == image_id).values(next_attempt_at=until))

    async def add_delivery(self, new: Delivery) -> None:
        """Owe the application a webhook."""
        await self._execute(insert(delivery), asdict(new))

    async def note_delivery(
        self,
        delivery_id: DeliveryId,
        *,
        attempts: int,
        next_attempt_at: datetime,
        settled_at: datetime | None,
        last_error: str | None,
    ) -> bool:
        """Note the outcome of one try: done only where `attempts` is one above what is stored; False otherwise."""
        as_known = (delivery.c.id == delivery_id, delivery.c.attempts == attempts - 1)
        outcome = {"next_attempt_at": next_attempt_at, "settled_at": settled_at, "last_error": last_error}
        return await self._did(update(delivery).where(*as_known).values(attempts=attempts, **outcome))

    async def add_api_key(self, key: ApiKey) -> None:
        """Keep a key. One that is there already stays as it is."""
        await self._insert_new(api_key, api_key_values(key))

    async def revoke_api_key(self, key_id: ApiKeyId, *, at: datetime) -> bool:
        """Revoke a key; False where there is none that could be."""
        valid = (api_key.c.id == key_id, api_key.c.revoked_at.is_(None))
        return await self._did(update(api_key).where(*valid).values(revoked_at=at))

    async def audit(self, event: AuditEvent) -> None:
        """Append to the audit log."""
        await self._execute(insert(audit_event), asdict(event))

    async def enqueue(self, job: Job, *, run_at: datetime | None = None) -> None:
        """Queue work that runs only if this transaction commits; not before `run_at`."""
        await self._outbox.enqueue(job, run_at=run_at)

    async def _change(self, image_id: ImageId, *as_known: ColumnElement[bool], values: Values) -> Image | None:
        """Compare and set: change the image only where it is as known; None where it is not."""
        changed = update(image).where(image.c.id == image_id, *as_known).values(values | A_REVISION_ON)
        row = (await self._execute(changed.returning(image))).one_or_none()
        return None if row is None else image_from(row)

    async def _change_or_refuse(self, image_id: ImageId, *as_known: ColumnElement[bool], values: Values) -> Image:
        return await self._change(image_id, *as_known, values=values) or await self._refuse(image_id)

    async def _refuse(self, image_id: ImageId) -> NoReturn:
        """Raise ImageNotFound, or WrongState with the state that the image is in."""
        raise WrongState(image_id, (await self.image(image_id)).state)

    async def _raise_revision(self, image_id: ImageId) -> None:
        await self._did(update(image).where(image.c.id == image_id).values(A_REVISION_ON))

    async def _insert_new(self, table: Table, values: Values) -> bool:
        """Insert a row unless its key is there already; return whether it was new."""
        into = INSERTS[self._connection.dialect.name](table)
        return (await self._execute(into.on_conflict_do_nothing(), values)).rowcount > 0

    async def _did(self, change: Update) -> bool:
        return (await self._execute(change)).rowcount > 0
