"""The records: the truth about every image, in transactions.

    async with records.transaction() as tx:
        image = await tx.move(image_id, was=State.REQUESTED, now=State.UPLOADED)
        await tx.enqueue(ProcessImage(image_id))

Either all of a transaction is there afterwards, durably, its jobs included, or nothing of it.
"""

from collections.abc import Collection
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from safelight.domain.events import AuditEvent, Delivery
from safelight.domain.image import Ending, Image, ImageId, Look, NewImage, Rendition, State, Verified
from safelight.domain.jobs import DeliveryId, Job
from safelight.domain.who import ApiKey, ApiKeyId
from safelight.ports.answers import Answers
from safelight.ports.declarations import Declarations
from safelight.ports.owners import Owners
from safelight.ports.places import Places
from safelight.ports.sides import Sides
from safelight.ports.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Changes:
    """What a move changes besides the state; what is None stays as it is.

    `attempt` gives back an attempt that was none, to be counted anew: only by the worker that has the image, and as
    the last thing that it does with it.
    """

    upload_attempt: int | None = None
    expires_at: datetime | None = None
    next_attempt_at: datetime | None = None
    ready_at: datetime | None = None
    ending: Ending | None = None
    original_kept: bool | None = None
    look: Look | None = None
    hidden: bool | None = None
    public: bool | None = None
    attempt: int | None = None
    reprocess_wanted_at: datetime | None = None


UNCHANGED = Changes()


class Transaction(Snapshot, Protocol):
    """Reading and writing. It commits at the end of its block, and rolls back when the block raises."""

    @property
    def owners(self) -> Owners:
        """Return what owners use, and who is blocked."""
        ...

    @property
    def places(self) -> Places:
        """Return what is attached where."""
        ...

    @property
    def sides(self) -> Sides:
        """Return who moves which image to the other side, and what is left to be cleared."""
        ...

    @property
    def answers(self) -> Answers:
        """Return the answers that are kept for repeated calls."""
        ...

    @property
    def declarations(self) -> Declarations:
        """Return what hosts declared of kinds."""
        ...

    async def add(self, image: NewImage) -> Image:
        """Create a record in state `requested`."""
        ...

    async def hold(self, image_ids: Collection[ImageId]) -> None:
        """Let nobody else change these images until the transaction ends. What does not exist is left out.

        To be called before several are changed: always in the same order, so that nobody waits in vain.
        """
        ...

    async def move(
        self,
        image_id: ImageId,
        *,
        was: State,
        now: State,
        attempt: int | None = None,
        changes: Changes = UNCHANGED,
    ) -> Image:
        """Change the state, only from `was` and, where given, only at that `attempt`. Raises WrongState, ImageNotFound.

        The move must be one of NEXT. The revision rises. The lease ends, and so does any wait for a next attempt that
        `changes` do not begin anew. Its owner gets back what it need not hold any more (`owner.released`).
        """
        ...

    async def resign(
        self, image_id: ImageId, *, upload_attempt: int, expires_at: datetime, multipart_id: str | None = None
    ) -> Image:
        """Note a further signed upload of a requested image, one attempt above the last. Raises WrongState."""
        ...

    async def prolong(self, image_id: ImageId, *, upload_attempt: int, expires_at: datetime) -> None:
        """Note that URLs of a requested image's upload end so late, or later as noted before. The revision stays.

        Raises WrongState where another attempt was begun.
        """
        ...

    async def take(self, image: Image, *, now: State, lease_until: datetime) -> Image | None:
        """Make the image this worker's: attempt + 1, a lease, state `now`. None where another was faster.

        Done only where state and attempt are still those of `image`, and not for an owner that is blocked. The wait for
        a next attempt ends, but that of a ready image: it says when the next try at rendering it again is due.
        """
        ...

    async def note_verified(self, image_id: ImageId, *, attempt: int, verified: Verified, look: Look | None) -> None:
        """Note what the bytes are. Raises WrongState where the image is not this attempt's any more."""
        ...

    async def add_rendition(self, rendition: Rendition, *, attempt: int) -> None:
        """Note a stored rendition; noting it again changes nothing. Raises WrongState as `note_verified` does.

        One that was retired is shown again.
        """
        ...

    async def drop_renditions(self, image_id: ImageId, stale: Collection[Rendition]) -> None:
        """Forget renditions. Forgetting what is not there is not an error."""
        ...

    async def retire_renditions(self, image_id: ImageId, stale: Collection[Rendition], *, at: datetime) -> None:
        """Show renditions no more, but keep them noted: URLs that were given out may still lead to their objects.

        Retiring what is not there, or is retired, changes nothing.
        """
        ...

    async def forget_retired(self, before: datetime, *, limit: int) -> int:
        """Forget renditions that were retired before then, and return how many: at most `limit`."""
        ...

    async def set_public(self, image_id: ImageId, *, attempt: int, public: bool) -> Image:
        """Note on which side the renditions of a ready image lie. Raises WrongState where it is not this attempt's.

        The attempt rises: whoever has the image notes nothing more that is stored on the other side.
        """
        ...

    async def revoke_tokens(self, image_id: ImageId) -> Image:
        """Raise the token generation: no token that was given out is good any more. Raises ImageNotFound."""
        ...

    async def want_reprocess(self, image_id: ImageId, *, at: datetime) -> None:
        """Note that a ready image is to be rendered again; its tries count from 0. The revision stays.

        Raises WrongState, ImageNotFound.
        """
        ...

    async def begin_reprocess(self, image: Image, *, next_attempt_at: datetime) -> Image | None:
        """Note one more try at a wanted reprocess, and when the next is due. The revision stays.

        None where `image` is not as it is noted any more: another worker was faster. So it is for a blocked owner.
        """
        ...

    async def settle_reprocess(self, image_id: ImageId, *, wanted_at: datetime) -> None:
        """Note that a reprocess wanted at that moment, or before, is over. One that was wanted later stays wanted."""
        ...

    async def note_purged(self, image_id: ImageId, *, at: datetime) -> None:
        """Note that no byte of the image is left, and forget its renditions and what its file was.

        That is its name, its promised checksum, what it proved to be, and its look. So is its place, where nothing else
        is at it. Raises WrongState where bytes are needed.
        """
        ...

    async def forget_purged(self, before: datetime, *, limit: int) -> int:
        """Forget images that were purged before then, with their deliveries; return how many: at most `limit`.

        One that the application is owed a webhook of stays until that is settled.
        """
        ...

    async def forget_audit(self, before: datetime, *, limit: int) -> int:
        """Forget what the audit log says of the time before then; return how many events: at most `limit`."""
        ...

    async def postpone(self, image_id: ImageId, *, was: State, until: datetime) -> None:
        """Note that upkeep need not look at the image before then (`next_attempt_at`). The revision stays.

        Done only where its state is still `was`. Raises WrongState, ImageNotFound.
        """
        ...

    async def add_delivery(self, delivery: Delivery) -> None:
        """Owe the application a webhook."""
        ...

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
        """Note how it stands after a try, or before one that is claimed so.

        Done only where it is not settled and the stored attempts are `was`, by default one fewer; False otherwise.
        """
        ...

    async def add_api_key(self, key: ApiKey) -> None:
        """Keep a key. One that is there already stays as it is."""
        ...

    async def revoke_api_key(self, key_id: ApiKeyId, *, at: datetime) -> bool:
        """Revoke a key; False where there is none that could be."""
        ...

    async def expire_api_key(self, key_id: ApiKeyId, *, at: datetime) -> bool:
        """Let a key end then, or when it would have ended before; False where there is none that could."""
        ...

    async def audit(self, *events: AuditEvent) -> None:
        """Append to the audit log."""
        ...

    async def enqueue(self, job: Job, *, run_at: datetime | None = None, behind: int | None = None) -> None:
        """Queue work that runs only if this transaction commits; not before `run_at`.

        An image to be processed goes `behind` so many others of its owner (ports.jobs): where nothing is said, behind
        all that are uploaded.
        """
        ...


class Records(Protocol):
    """The database."""

    def reading(self) -> AbstractAsyncContextManager[Snapshot]:
        """Return a block that reads; it sees what was committed before it began."""
        ...

    def glance(self) -> AbstractAsyncContextManager[Snapshot]:
        """Return a block for one query: quicker than `reading`. Several need not agree on the moment."""
        ...

    def transaction(self) -> AbstractAsyncContextManager[Transaction]:
        """Return a block that reads and writes, one at a time."""
        ...
