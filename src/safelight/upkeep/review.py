"""Review: the application's verdict on an image that was held for it."""

from dataclasses import dataclass
from enum import StrEnum
from functools import partial

from safelight.domain.errors import SENTENCES, Reason, WrongState
from safelight.domain.events import Action, Delivery, Origin
from safelight.domain.image import Ending, Image, State
from safelight.domain.jobs import DeliveryId, PurgeImage, SendWebhook
from safelight.ports.clock import Clock, Ids
from safelight.ports.object_store import ObjectStore
from safelight.ports.records import Changes, Records, Transaction
from safelight.ports.signals import Signals
from safelight.upkeep.sides import move_renditions


class Verdict(StrEnum):
    """What the application says of a held image."""

    APPROVE = "approve"
    REJECT = "reject"


@dataclass(frozen=True, slots=True)
class Review:
    """A verdict, who gave it, and why (for the audit log alone). `public`: whether the image's kind is."""

    verdict: Verdict
    origin: Origin
    public: bool
    reason: str | None = None

    @property
    def result(self) -> str:
        """How the audit log calls it."""
        return f"{self.verdict}: {self.reason}" if self.reason else str(self.verdict)


async def review_image(
    image: Image,
    review: Review,
    *,
    records: Records,
    objects: ObjectStore,
    signals: Signals,
    clock: Clock,
    ids: Ids,
    told: bool,
) -> Image:
    """Let a held image be ready, on the side that its kind says, or rejected and purged. `told` as in `finalize_image`.

    The same verdict again changes nothing. Of several at once exactly one counts.

    Raises WrongState where the image is not held, or was decided otherwise; and what `move_renditions` raises: then it
    is held as before, unless it is StorageFailed and the verdict is noted already.
    """
    if _is_decided_so(image, review.verdict):
        return image
    if image.state is not State.HELD:
        raise WrongState(image_id=image.id, state=image.state)
    deed = _Deed(review, clock, ids, told=told)
    try:
        if review.verdict is Verdict.APPROVE and review.public is not image.public:
            flip = partial(deed.approve, public=review.public)
            return await move_renditions(image, flip, records=records, objects=objects, signals=signals, clock=clock)
        async with records.transaction() as tx:
            decided = await (deed.approve if review.verdict is Verdict.APPROVE else deed.reject)(tx, image)
    except WrongState:  # another verdict was faster, or it was deleted
        async with records.reading() as snapshot:
            image = await snapshot.image(image.id)
        if not _is_decided_so(image, review.verdict):
            raise
        return image
    await signals.changed(image.id)
    return decided


def _is_decided_so(image: Image, verdict: Verdict) -> bool:
    if verdict is Verdict.APPROVE:
        return image.state is State.READY
    return image.state is State.REJECTED and image.ending is not None and image.ending.code == Reason.REVIEWED


class _Deed:
    """What comes of a verdict, within one transaction."""

    def __init__(self, review: Review, clock: Clock, ids: Ids, *, told: bool) -> None:
        self._review = review
        self._now = clock.now()
        self._ids = ids
        self._told = told

    async def approve(self, tx: Transaction, image: Image, *, public: bool | None = None) -> Image:
        """Let the image be ready. `public` is the side that it was moved to."""
        changes = Changes(hidden=False, ready_at=self._now, public=public)
        moved = await tx.move(image.id, was=State.HELD, now=State.READY, attempt=image.attempt, changes=changes)
        await self._note(tx, moved, Action.READY)
        return moved

    async def reject(self, tx: Transaction, image: Image) -> Image:
        """Reject the image, and queue the purge."""
        changes = Changes(ending=Ending(Reason.REVIEWED, SENTENCES[Reason.REVIEWED]))
        moved = await tx.move(image.id, was=State.HELD, now=State.REJECTED, changes=changes)
        await tx.enqueue(PurgeImage(image.id))
        await self._note(tx, moved, Action.REJECTED)
        return moved

    async def _note(self, tx: Transaction, moved: Image, action: Action) -> None:
        """Note what was done, and owe the application the news."""
        origin = self._review.origin
        await tx.audit(
            origin.event(Action.REVIEWED, at=self._now, image=moved, result=self._review.result),
            origin.event(action, at=self._now, image=moved),
        )
        if self._told:
            owed = Delivery.owed(DeliveryId(self._ids.new()), moved.id, moved.state, at=self._now)
            await tx.add_delivery(owed)
            await tx.enqueue(SendWebhook(owed.id))
