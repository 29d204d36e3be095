"""Block an owner at once, and let it go on again."""

from contextlib import suppress

from safelight.domain.errors import Busy, StorageFailed
from safelight.domain.events import Action, Origin, owner_target
from safelight.domain.image import State
from safelight.domain.jobs import ProcessImage
from safelight.ports.clock import Clock
from safelight.ports.records import Records
from safelight.ports.snapshot import ImageFilter

QUEUED_AT_ONCE = 500
"""Images of an owner that are queued as soon as its block ends; reconcile finds the others."""


async def block_owner(owner_id: str, origin: Origin, *, records: Records, clock: Clock) -> bool:
    """Take nothing more from an owner, known or not, and work on nothing of it; False where it is blocked already.

    What it has is kept: nothing of it expires, and what is ready stays visible. Work under way ends without an effect.
    """
    now = clock.now()
    async with records.transaction() as tx:
        blocked = await tx.owners.block(owner_id, at=now)
        if blocked:
            await tx.audit(origin.event(Action.OWNER_BLOCKED, at=now, owner=owner_id, target=owner_target(owner_id)))
    return blocked


async def unblock_owner(owner_id: str, origin: Origin, *, records: Records, clock: Clock) -> bool:
    """End a block, and queue what waited for that; False where there is none.

    Uploads whose URLs have ended meanwhile are settled by the next reconcile, as always.
    """
    async with records.transaction() as tx:
        unblocked = await tx.owners.unblock(owner_id)
        if unblocked:
            await tx.audit(
                origin.event(Action.OWNER_UNBLOCKED, at=clock.now(), owner=owner_id, target=owner_target(owner_id))
            )
    if unblocked:
        with suppress(Busy, StorageFailed):  # the block has ended all the same: reconcile finds what waits
            await _queue_what_waited(owner_id, records)
    return unblocked


async def _queue_what_waited(owner_id: str, records: Records) -> None:
    which = ImageFilter(state=State.UPLOADED, owner=owner_id)
    async with records.glance() as snapshot:
        waiting = await snapshot.page(which, after=None, limit=QUEUED_AT_ONCE)
    for image in waiting:
        async with records.transaction() as tx:  # each alone, as in `reconcile`
            await tx.enqueue(ProcessImage(image.id), run_at=image.next_attempt_at)
