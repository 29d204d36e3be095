"""Review: the application's verdict on an image that was held for it."""

from dataclasses import dataclass
from enum import StrEnum
from functools import partial

from safelight.deeds.occasion import Occasion, owe_news
from safelight.deeds.place import hold_place, settle_place
from safelight.domain.errors import SENTENCES, Reason, WrongState
from safelight.domain.events import Action, Origin
from safelight.domain.image import Ending, Image, ImageId, State
from safelight.domain.jobs import PurgeImage
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
    """A verdict, who gave it, and why (for the audit log alone).

    `public`: whether the image's kind is. `one_per_record`: whether a record has one image of it.
    """

    verdict: Verdict
    origin: Origin
    public: bool
    reason: str | None = None
    one_per_record: bool = False

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

    The same verdict again changes nothing. Of several at once exactly one counts. Where a record has one image of this
    kind, the one that is ready now takes its place as in `finalize_image`, and may be deleted itself.

    Raises WrongState where the image is not held, or was decided otherwise; and what `move_renditions` raises: then it
    is held as before, unless it is StorageFailed and the verdict is noted already.
    """
    if _is_decided_so(image, review.verdict):
        return image
    if image.state is not State.HELD:
        raise WrongState(image_id=image.id, state=image.state)
    deed = _Deed(review, Occasion(review.origin, clock.now(), ids, told))
    try:
        if review.verdict is Verdict.APPROVE and review.public is not image.public:
            flip = partial(deed.approve, public=review.public)
            decided = await move_renditions(image, flip, records=records, objects=objects, signals=signals, clock=clock)
        else:
            async with records.transaction() as tx:
                decided = await (deed.approve if review.verdict is Verdict.APPROVE else deed.reject)(tx, image)
    except WrongState:  # another verdict was faster, or it was deleted
        async with records.reading() as snapshot:
            image = await snapshot.image(image.id)
        if not _is_decided_so(image, review.verdict):
            raise
        return image
    for changed in {image.id} | deed.replaced:
        await signals.changed(changed)
    return decided


def _is_decided_so(image: Image, verdict: Verdict) -> bool:
    if verdict is Verdict.APPROVE:
        return image.state is State.READY
    return image.state is State.REJECTED and image.ending is not None and image.ending.code == Reason.REVIEWED


class _Deed:
    """What comes of a verdict, within one transaction. `replaced` are deleted: another has their place."""

    def __init__(self, review: Review, occasion: Occasion) -> None:
        self._review = review
        self._occasion = occasion
        self.replaced = frozenset[ImageId]()

    async def approve(self, tx: Transaction, image: Image, *, public: bool | None = None) -> Image:
        """Let the image be ready. `public` is the side that it was moved to."""
        if self._review.one_per_record:
            await hold_place(image.id, tx)
        changes = Changes(hidden=False, ready_at=self._occasion.at, public=public)
        moved = await tx.move(image.id, was=State.HELD, now=State.READY, attempt=image.attempt, changes=changes)
        await self._note(tx, moved, Action.READY)
        if self._review.one_per_record:
            self.replaced = await settle_place(moved, self._occasion, tx)
        if image.id not in self.replaced:
            await owe_news(image.id, moved.state, self._occasion, tx)
        return moved

    async def reject(self, tx: Transaction, image: Image) -> Image:
        """Reject the image, and queue the purge."""
        changes = Changes(ending=Ending(Reason.REVIEWED, SENTENCES[Reason.REVIEWED]))
        moved = await tx.move(image.id, was=State.HELD, now=State.REJECTED, changes=changes)
        await tx.enqueue(PurgeImage(image.id))
        await self._note(tx, moved, Action.REJECTED)
        await owe_news(image.id, moved.state, self._occasion, tx)
        return moved

    async def _note(self, tx: Transaction, moved: Image, action: Action) -> None:
        origin, at = self._occasion.origin, self._occasion.at
        await tx.audit(
            origin.event(Action.REVIEWED, at=at, image=moved, result=self._review.result),
            origin.event(action, at=at, image=moved),
        )
