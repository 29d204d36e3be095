"""Reading and writing: ports.records.Transaction on one connection."""

from collections.abc import Collection
from dataclasses import asdict
from datetime import datetime
from typing import NoReturn

from sqlalchemy import ColumnElement, case, delete, exists, func, insert, literal, or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from safelight.adapters.records.answers import SqlAnswers
from safelight.adapters.records.declarations import SqlDeclarations
from safelight.adapters.records.forget import forget_audit, forget_purged, forget_retired
from safelight.adapters.records.outbox import Outbox
from safelight.adapters.records.owners import SqlOwners
from safelight.adapters.records.places import SqlPlaces
from safelight.adapters.records.rows import (
    NOTHING_OF_ITS_FILE,
    Values,
    api_key_values,
    changed_values,
    image_from,
    look_values,
    new_image_values,
    verified_values,
)
from safelight.adapters.records.sides import SqlSides
from safelight.adapters.records.snapshot import SqlSnapshot
from safelight.adapters.records.tables import (
    IS_SHOWN,
    OWNER_IS_BLOCKED,
    UtcDateTime,
    api_key,
    audit_event,
    delivery,
    image,
    in_state,
    rendition,
)
from safelight.domain.errors import WrongState
from safelight.domain.events import AuditEvent, Delivery
from safelight.domain.image import BYTES_OWED, NEXT, Image, ImageId, Look, NewImage, Rendition, State, Verified
from safelight.domain.jobs import DeliveryId, Job, ProcessImage
from safelight.domain.who import ApiKey, ApiKeyId
from safelight.ports.jobs import MOST_AHEAD
from safelight.ports.records import UNCHANGED, Changes

WORKED_ON = (State.PROCESSING, State.READY)
"""States in which a worker has an image: the first time, or to render it again."""

TAKES = {(State.UPLOADED, State.PROCESSING), *((state, state) for state in WORKED_ON)}
"""How a worker takes an image: from the queue, after another worker's lease, or to render it again."""

A_REVISION_ON = {"revision": image.c.revision + 1}


class SqlTransaction(SqlSnapshot):
    """Reads and writes on a connection, whose owner begins and ends the transaction."""

    def __init__(self, connection: AsyncConnection, outbox: Outbox) -> None:
        super().__init__(connection)
        self._outbox = outbox
        self.owners = SqlOwners(self._run)
        self.places = SqlPlaces(self._run)
        self.sides = SqlSides(self._run)
        self.answers = SqlAnswers(self._run)
        self.declarations = SqlDeclarations(self._run)

    async def add(self, new: NewImage) -> Image:
        """Create a record in state `requested`."""
        written = await self._run.execute(insert(image).returning(image), new_image_values(new))
        return image_from(written.one())

    async def hold(self, image_ids: Collection[ImageId]) -> None:
        """Let nobody else change these images until the transaction ends."""
        rows = select(image.c.id).where(image.c.id.in_(image_ids)).order_by(image.c.id).with_for_update()
        await self._run.execute(rows)

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
        moved = await self._change_or_refuse(image_id, *as_known, values=values)
        await self.owners.release(moved, was=was)
        return moved

    async def resign(
        self, image_id: ImageId, *, upload_attempt: int, expires_at: datetime, multipart_id: str | None = None
    ) -> Image:
        """Note a further signed upload of a requested image, one attempt above the last. Raises WrongState."""
        as_known = (image.c.state == State.REQUESTED, image.c.upload_attempt == upload_attempt - 1)
        values = {"upload_attempt": upload_attempt, "expires_at": expires_at, "multipart_id": multipart_id}
        return await self._change_or_refuse(image_id, *as_known, values=values)

    async def prolong(self, image_id: ImageId, *, upload_attempt: int, expires_at: datetime) -> None:
        """Note that URLs of the latest upload end so late. Raises WrongState."""
        as_known = (image.c.state == State.REQUESTED, image.c.upload_attempt == upload_attempt)
        later = case((image.c.expires_at < expires_at, literal(expires_at, UtcDateTime)), else_=image.c.expires_at)
        await self._note_or_refuse(image_id, *as_known, values={"expires_at": later})

    async def take(self, known: Image, *, now: State, lease_until: datetime) -> Image | None:
        """Make the image this worker's: attempt + 1, a lease, state `now`. None where another was faster."""
        if (known.state, now) not in TAKES:
            raise ValueError(f"no worker takes an image from {known.state} to {now}")
        as_known = (image.c.state == known.state, image.c.attempt == known.attempt, ~OWNER_IS_BLOCKED)
        values: Values = {"state": now, "attempt": known.attempt + 1, "lease_until": lease_until}
        if now is not State.READY:
            values["next_attempt_at"] = None
        return await self._change(known.id, *as_known, values=values)

    async def note_verified(self, image_id: ImageId, *, attempt: int, verified: Verified, look: Look | None) -> None:
        """Note what the bytes are. Raises WrongState where the image is not this attempt's any more."""
        fence = (image.c.attempt == attempt, in_state(*WORKED_ON))
        await self._change_or_refuse(image_id, *fence, values=verified_values(verified) | look_values(look))

    async def add_rendition(self, new: Rendition, *, attempt: int) -> None:
        """Note a stored rendition, or show it again. Raises WrongState as `note_verified` does."""
        # The row stays locked, so that nobody takes the image between the look and the insert. (SQLite has one writer.)
        row = await self._first(select(image).where(image.c.id == new.image_id).with_for_update())
        if row is None or row.attempt != attempt or row.state not in WORKED_ON:
            await self._refuse(new.image_id)
        into = (
            self._run.insert(rendition)
            .values(asdict(new))
            .on_conflict_do_update(
                index_elements=list(rendition.primary_key),
                set_={"height": new.height, "bytes": new.bytes, "retired_at": None},
                where=rendition.c.retired_at.is_not(None),
            )
        )
        if await self._run.did(into):
            await self._raise_revision(new.image_id)

    async def drop_renditions(self, image_id: ImageId, stale: Collection[Rendition]) -> None:
        """Forget renditions. Forgetting what is not there is not an error."""
        those = _are(image_id, stale)
        if await self._raise_revision(image_id, exists().where(those)):
            await self._run.execute(delete(rendition).where(those))

    async def retire_renditions(self, image_id: ImageId, stale: Collection[Rendition], *, at: datetime) -> None:
        """Show renditions no more, but keep them noted."""
        those = _are(image_id, stale) & IS_SHOWN
        if await self._raise_revision(image_id, exists().where(those)):
            await self._run.execute(update(rendition).where(those).values(retired_at=at))

    async def set_public(self, image_id: ImageId, *, attempt: int, public: bool) -> Image:
        """Note on which side the renditions of a ready image lie. Raises WrongState."""
        fence = (image.c.attempt == attempt, in_state(State.READY))
        return await self._change_or_refuse(image_id, *fence, values={"public": public, "attempt": attempt + 1})

    async def revoke_tokens(self, image_id: ImageId) -> Image:
        """Raise the token generation. Raises ImageNotFound."""
        return await self._change_or_refuse(image_id, values={"token_generation": image.c.token_generation + 1})

    async def want_reprocess(self, image_id: ImageId, *, at: datetime) -> None:
        """Note that a ready image is to be rendered again. Raises WrongState."""
        wanted = {"reprocess_wanted_at": at, "reprocess_tries": 0, "next_attempt_at": None}
        await self._note_or_refuse(image_id, in_state(State.READY), values=wanted)

    async def begin_reprocess(self, known: Image, *, next_attempt_at: datetime) -> Image | None:
        """Note one more try at a wanted reprocess; None where another worker was faster."""
        as_known = (
            in_state(State.READY),
            image.c.reprocess_wanted_at == known.reprocess_wanted_at,
            image.c.reprocess_tries == known.reprocess_tries,
            ~OWNER_IS_BLOCKED,
        )
        values = {"reprocess_tries": known.reprocess_tries + 1, "next_attempt_at": next_attempt_at}
        return await self._note(known.id, *as_known, values=values)

    async def settle_reprocess(self, image_id: ImageId, *, wanted_at: datetime) -> None:
        """Note that a reprocess wanted at that moment, or before, is over."""
        over = {"reprocess_wanted_at": None, "reprocess_tries": 0, "next_attempt_at": None}
        as_known = (in_state(State.READY), image.c.reprocess_wanted_at <= wanted_at)
        await self._note(image_id, *as_known, values=over)

    async def note_purged(self, image_id: ImageId, *, at: datetime) -> None:
        """Note that no byte is left; forget what the file was. Raises WrongState where bytes are needed.

        The place comes first, as whoever attaches an image takes the two.
        """
        known = await self.image(image_id)
        if known.attached_to is not None:
            await self.places.hold([known.attached_to])
            await self.places.forget(known.attached_to)
        values = {"purged_at": at, "next_attempt_at": None} | NOTHING_OF_ITS_FILE
        await self._change_or_refuse(image_id, in_state(*BYTES_OWED), values=values)
        await self._run.execute(delete(rendition).where(rendition.c.image_id == image_id))

    async def postpone(self, image_id: ImageId, *, was: State, until: datetime) -> None:
        """Note that upkeep need not look at the image before then. Raises WrongState, ImageNotFound."""
        await self._note_or_refuse(image_id, image.c.state == was, values={"next_attempt_at": until})

    async def forget_retired(self, before: datetime, *, limit: int) -> int:
        """Forget renditions that were retired before then, and return how many."""
        return await forget_retired(self._run.execute, before, limit=limit)

    async def forget_purged(self, before: datetime, *, limit: int) -> int:
        """Forget images that were purged before then, and what belongs to them; return how many images."""
        return await forget_purged(self._run.execute, before, limit=limit)

    async def forget_audit(self, before: datetime, *, limit: int) -> int:
        """Forget what the audit log says of the time before then; return how many events."""
        return await forget_audit(self._run.execute, before, limit=limit)

    async def add_delivery(self, new: Delivery) -> None:
        """Owe the application a webhook."""
        await self._run.execute(insert(delivery), asdict(new))

    async def note_delivery(
        self,
        delivery_id: DeliveryId,
        *,
        was: int | None = None,
        attempts: int,
        next_attempt_at: datetime,
        settled_at: datetime | None,
        last_error: str | None,
    ) -> bool:
        """Note how it stands: done only where it is unsettled, with `was` attempts, by default one fewer."""
        known = attempts - 1 if was is None else was
        as_known = (delivery.c.id == delivery_id, delivery.c.attempts == known, delivery.c.settled_at.is_(None))
        outcome = {"next_attempt_at": next_attempt_at, "settled_at": settled_at, "last_error": last_error}
        return await self._run.did(update(delivery).where(*as_known).values(attempts=attempts, **outcome))

    async def add_api_key(self, key: ApiKey) -> None:
        """Keep a key. One that is there already stays as it is."""
        await self._run.insert_new(api_key, api_key_values(key))

    async def revoke_api_key(self, key_id: ApiKeyId, *, at: datetime) -> bool:
        """Revoke a key; False where there is none that could be."""
        valid = (api_key.c.id == key_id, api_key.c.revoked_at.is_(None))
        return await self._run.did(update(api_key).where(*valid).values(revoked_at=at))

    async def expire_api_key(self, key_id: ApiKeyId, *, at: datetime) -> bool:
        """Let a key end then, or when it would have ended before; False where there is none that could."""
        valid = (api_key.c.id == key_id, api_key.c.revoked_at.is_(None))
        outlasts = or_(api_key.c.expires_at.is_(None), api_key.c.expires_at > at)
        return await self._run.did(update(api_key).where(*valid, outlasts).values(expires_at=at))

    async def audit(self, *events: AuditEvent) -> None:
        """Append to the audit log."""
        if events:
            await self._run.execute(insert(audit_event), [asdict(event) for event in events])

    async def enqueue(self, job: Job, *, run_at: datetime | None = None, behind: int | None = None) -> None:
        """Queue work that runs only if this transaction commits; not before `run_at`; `behind` as in ports.jobs."""
        ahead = await self._ahead_of(job) if behind is None else behind
        await self._outbox.enqueue(job, run_at=run_at, behind=ahead)

    async def _ahead_of(self, job: Job) -> int:
        """Return how many other images of the same owner wait for a worker; more than the most counted are as many."""
        if not isinstance(job, ProcessImage):
            return 0
        its_owner = select(image.c.owner).where(image.c.id == job.image_id).scalar_subquery()
        others = (in_state(State.UPLOADED), image.c.owner == its_owner, image.c.id != job.image_id)
        waiting = select(image.c.id).where(*others).limit(MOST_AHEAD).subquery()
        return int((await self._run.execute(select(func.count()).select_from(waiting))).scalar_one())

    async def _change(self, image_id: ImageId, *as_known: ColumnElement[bool], values: Values) -> Image | None:
        """Compare and set: change the image only where it is as known; None where it is not."""
        return await self._note(image_id, *as_known, values=values | A_REVISION_ON)

    async def _note(self, image_id: ImageId, *as_known: ColumnElement[bool], values: Values) -> Image | None:
        """Compare and set what nobody sees from outside: the revision stays."""
        changed = update(image).where(image.c.id == image_id, *as_known).values(values)
        row = (await self._run.execute(changed.returning(image))).one_or_none()
        return None if row is None else image_from(row)

    async def _note_or_refuse(self, image_id: ImageId, *as_known: ColumnElement[bool], values: Values) -> None:
        if await self._note(image_id, *as_known, values=values) is None:
            await self._refuse(image_id)

    async def _change_or_refuse(self, image_id: ImageId, *as_known: ColumnElement[bool], values: Values) -> Image:
        return await self._change(image_id, *as_known, values=values) or await self._refuse(image_id)

    async def _refuse(self, image_id: ImageId) -> NoReturn:
        """Raise ImageNotFound, or WrongState with the state that the image is in."""
        raise WrongState(image_id, (await self.image(image_id)).state)

    async def _raise_revision(self, image_id: ImageId, *where: ColumnElement[bool]) -> bool:
        """Raise it before renditions are changed: whoever purges an image locks it before them, too."""
        return await self._run.did(update(image).where(image.c.id == image_id, *where).values(A_REVISION_ON))


def _are(image_id: ImageId, these: Collection[Rendition]) -> ColumnElement[bool]:
    """Return the condition that a rendition is one of these, of that image."""
    key = tuple_(rendition.c.variant, rendition.c.width, rendition.c.format, rendition.c.fingerprint)
    keys = [(one.variant, one.width, one.format, one.fingerprint) for one in these]
    return (rendition.c.image_id == image_id) & key.in_(keys)
