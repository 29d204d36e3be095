"""A reprocess that is owed: noted with the image, so that no queue can lose it; tried again; given up in the end."""

from safelight.deeds.declared import HANDED_BACK_FOR, is_older
from safelight.domain.declaration import Declaration
from safelight.domain.errors import WrongState
from safelight.domain.events import Action, Origin
from safelight.domain.image import Image, ImageId, State
from safelight.domain.jobs import ReprocessImage
from safelight.domain.kind import Kinds
from safelight.domain.retry import is_due
from safelight.journey.finalize import Retries
from safelight.ports.clock import Clock
from safelight.ports.records import Records
from safelight.ports.snapshot import Snapshot


async def owe_reprocess(image: Image, origin: Origin, *, records: Records, clock: Clock) -> None:
    """Note that the image is to be rendered again, and queue it. Raises WrongState where it is not ready.

    So it does where its original was not kept.
    """
    if image.state is State.READY and not image.original_kept:
        raise WrongState(image_id=image.id, state=f"{State.READY} without its original")
    now = clock.now()
    async with records.transaction() as tx:
        await tx.want_reprocess(image.id, at=now)
        await tx.audit(origin.event(Action.REPROCESSED, at=now, image=image, result="asked"))
        await tx.enqueue(ReprocessImage(image.id))


async def begin_reprocess(
    image_id: ImageId, *, kinds: Kinds, records: Records, clock: Clock, retries: Retries
) -> Image | None:
    """Note one more try, and return the image; None where no try is owed or due, or it is not for this process.

    The try counts from its beginning: one that kills its worker counts as well. Should it fail, or the image be cleared
    first, reconcile finds it when the next is due. Where the kinds file of this process is an older one, none is
    counted, and the job goes back: another process may get it the next time.
    """
    now = clock.now()
    async with records.transaction() as tx:
        image = await tx.image(image_id)
        waits = image.clear_due_at is not None or not is_due(image.next_attempt_at, now=now)
        if image.state is not State.READY or image.reprocess_wanted_at is None or waits:
            return None
        if await _is_for_a_newer_host(image.kind, kinds, tx):
            again = now + HANDED_BACK_FOR
            await tx.postpone(image_id, was=State.READY, until=again)
            await tx.enqueue(ReprocessImage(image_id), run_at=again)
            return None
        again = retries.backoff.after(image.reprocess_tries + 1, now=now)
        return await tx.begin_reprocess(image, next_attempt_at=again)


async def _is_for_a_newer_host(name: str, kinds: Kinds, snapshot: Snapshot) -> bool:
    if name not in kinds:
        return await snapshot.declared(name) is not None
    return await is_older(Declaration.of(kinds[name]), snapshot)


async def give_up_reprocess(image: Image, *, records: Records) -> None:
    """Owe it no longer, unless it was wanted anew meanwhile."""
    if image.reprocess_wanted_at is not None:
        async with records.transaction() as tx:
            await tx.settle_reprocess(image.id, wanted_at=image.reprocess_wanted_at)
