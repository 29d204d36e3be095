"""Sides: move an image's renditions between the public and the private side of the store, all or nothing.

Objects belong on the side that the record says, each with a row; what lies elsewhere, or has none, is to be cleared.
Whoever moves an image, or clears it, takes it first, and notes with that by when it must be clear. So however that
ends, what is left to do is the same. Whoever had the image before notes nothing any more, and until it is clear nobody
begins to store anything: nothing is ever removed that somebody counts on.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta

from safelight.domain import keys
from safelight.domain.errors import ImageBusy, ObjectChanged, ObjectMissing, SafelightError, StorageFailed, WrongState
from safelight.domain.image import Image, ImageId, Rendition
from safelight.domain.jobs import ClearSide
from safelight.ports.clock import Clock
from safelight.ports.object_store import ObjectStore
from safelight.ports.records import Records, Transaction
from safelight.ports.signals import Signals

AT_MOST = timedelta(minutes=1)
"""How long a move may take, or a clearing; and how much later the storage may still do what it had begun."""

TAKEN_FOR = 2 * AT_MOST
"""How long whoever moves or clears an image has it."""

EVER = datetime(1970, 1, 1, tzinfo=UTC)
"""Before anything was retired."""

Flip = Callable[[Transaction, Image], Awaitable[object]]
"""Notes, of the image as it was taken, that its renditions lie on the other side, and what else comes of that."""


async def move_renditions(
    image: Image, flip: Flip, *, records: Records, objects: ObjectStore, signals: Signals, clock: Clock
) -> Image:
    """Copy what is noted of an image to its other side, let `flip` note that in one transaction, and clear the old one.

    Should it fail before, the image is as it was. Renditions that were retired stay behind and are forgotten.

    Raises WrongState and ImageBusy where another has the image, and StorageFailed: if the flip was done by then, the
    old side is cleared later.
    """
    taken = await _take(image, records, clock)
    until = asyncio.get_running_loop().time() + AT_MOST.total_seconds()
    try:
        async with asyncio.timeout_at(until):
            await _Move(taken, records, objects).to_other_side(flip)
            await signals.changed(image.id)
            await _clear(taken, records, objects, clock)
    except TimeoutError:
        raise StorageFailed(f"moving the renditions of image {image.id} took longer than {AT_MOST}") from None
    except BaseException as error:
        with suppress(SafelightError, TimeoutError):
            async with asyncio.timeout_at(until):
                await _clear(taken, records, objects, clock)
        if isinstance(error, WrongState | ObjectMissing | ObjectChanged):
            raise await _what_it_means(error, taken, records) from None
        raise
    return await _known(image.id, records)


async def clear_image(image_id: ImageId, *, records: Records, objects: ObjectStore, clock: Clock) -> bool:
    """Remove what lies of the image where no row says that it does; False where that is not due.

    A worker that was about to store something of it has lost it. Raises ImageNotFound, and StorageFailed: then it is
    due again, as soon as no removal can be under way any more.
    """
    async with records.transaction() as tx:
        now = clock.now()  # its turn may have been long in coming
        image = await tx.image(image_id)
        if image.clear_due_at is None or image.clear_due_at > now:
            return False
        taken = await tx.sides.take(image, clear_due_at=now + TAKEN_FOR)
    if taken is None:
        return False
    try:
        async with asyncio.timeout(AT_MOST.total_seconds()):
            await _clear(taken, records, objects, clock)
    except TimeoutError:
        raise StorageFailed(f"clearing image {image_id} took longer than {AT_MOST}") from None
    return True


async def clear_at_once(image_id: ImageId, *, records: Records, objects: ObjectStore, clock: Clock) -> bool:
    """Clear an image of which something was found that is to go; False where somebody else is at it. Raises the same.

    Killed in between, it is done later.
    """
    async with records.transaction() as tx:
        await tx.sides.owe(image_id, at=clock.now())
    return await clear_image(image_id, records=records, objects=objects, clock=clock)


@asynccontextmanager
async def storing(image: Image, *, records: Records, clock: Clock) -> AsyncIterator[None]:
    """Return a block that stores renditions of an image, on the side where it is known to be.

    Should the block break off, and the image have been moved meanwhile, that side is cleared once more.
    """
    try:
        yield
    except BaseException:
        async with records.transaction() as tx:
            is_moved = (await tx.image(image.id)).public is not image.public
        if is_moved:
            await owe_clearing(image.id, records=records, clock=clock)
        raise


async def owe_clearing(image_id: ImageId, *, records: Records, clock: Clock) -> None:
    """Have the side cleared where the image's renditions do not belong: a worker that lost it may have stored there."""
    async with records.transaction() as tx:
        await tx.sides.owe(image_id, at=clock.now())
        await tx.enqueue(ClearSide(image_id))


async def recover_sides(*, records: Records, clock: Clock, limit: int) -> int:
    """Let be due at once what a killed process was moving, and return how many images that are.

    Only for a process that is alone, as the first that it does: what is taken from now on is due later than that.
    """
    now = clock.now()
    async with records.transaction() as tx:
        unclear = await tx.unclear(now + TAKEN_FOR, limit=limit)
        for image in unclear:
            if image.clear_due_at is not None:
                await tx.sides.settle(image.id, due_at=image.clear_due_at, again_at=now)
    return len(unclear)


class _Move:
    """One try to move one image."""

    def __init__(self, taken: Image, records: Records, objects: ObjectStore) -> None:
        self._image = taken
        self._records = records
        self._objects = objects

    async def to_other_side(self, flip: Flip) -> None:
        """Copy all that is noted, and what is noted meanwhile as well: a lazy variant needs no leave to come."""
        copied: set[Rendition] = set()
        while True:
            async with self._records.transaction() as tx:
                left = set(await tx.renditions(self._image.id)) - copied
                if not left:
                    await flip(tx, self._image)  # first: it may lock a place, which comes before images everywhere
                    await self._forget_retired(tx, copied)
                    return
            await self._copy(left)
            copied |= left

    async def _copy(self, renditions: Collection[Rendition]) -> None:
        for rendition in renditions:
            source = await self._objects.head(keys.rendition(rendition, public=self._image.public))
            target = keys.rendition(rendition, public=not self._image.public)
            await self._objects.copy(source.key, target, if_match=source.etag)

    async def _forget_retired(self, tx: Transaction, shown: Collection[Rendition]) -> None:
        noted = (await tx.renditions_of([self._image.id], retired_since=EVER)).get(self._image.id, ())
        await tx.drop_renditions(self._image.id, [one for one in noted if one not in shown])


async def _take(image: Image, records: Records, clock: Clock) -> Image:
    async with records.transaction() as tx:
        now = clock.now()
        known = await tx.image(image.id)
        if known.state is not image.state:
            raise WrongState(image_id=image.id, state=known.state)
        if known.public is not image.public or (known.clear_due_at is not None and known.clear_due_at > now):
            raise ImageBusy(image_id=image.id)
        taken = await tx.sides.take(known, clear_due_at=now + TAKEN_FOR)
    if taken is None:
        raise ImageBusy(image_id=image.id)
    return taken


async def _known(image_id: ImageId, records: Records) -> Image:
    async with records.glance() as snapshot:
        return await snapshot.image(image_id)


async def _what_it_means(error: SafelightError, taken: Image, records: Records) -> SafelightError:
    """Return what a caller is told where the image, or a file of it, was not as it was taken."""
    image = await _known(taken.id, records)
    if image.state is not taken.state:
        return WrongState(image_id=image.id, state=image.state)
    if image.attempt != taken.attempt or isinstance(error, ObjectChanged):
        return ImageBusy(image_id=image.id)  # it is being rendered again
    return error


async def _clear(taken: Image, records: Records, objects: ObjectStore, clock: Clock) -> None:
    """Clear the image, unless somebody else has it by now, and note that.

    A removal that failed may be done later all the same: until then nobody may store the same again.
    """
    due_at, begun = taken.clear_due_at, False
    async with records.reading() as snapshot:
        image = await snapshot.image(taken.id)  # whether a commit that broke was done, the record alone knows
        noted = (await snapshot.renditions_of([image.id], retired_since=EVER)).get(image.id, ())
    if due_at is None or image.clear_due_at != due_at:
        return
    try:
        for key in await _strays(image, noted, objects):
            begun = True
            await objects.delete(key)
    except SafelightError:
        again_at = clock.now() + (AT_MOST if begun else timedelta(0))
        async with records.transaction() as tx:
            await tx.sides.settle(image.id, due_at=due_at, again_at=again_at)
        raise
    async with records.transaction() as tx:
        await tx.sides.settle(image.id, due_at=due_at)


async def _strays(image: Image, noted: Collection[Rendition], objects: ObjectStore) -> list[keys.Key]:
    """Return the keys of what lies where no row says that it does: first of what is on the wrong side."""
    kept = {keys.original(image.id), *(keys.rendition(one, public=image.public) for one in noted)}
    folders = [keys.folder(image.id, public=public) for public in (not image.public, image.public)]
    return [stored.key for folder in folders async for stored in objects.list(folder) if stored.key not in kept]
