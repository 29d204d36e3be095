"""However a move ends, the record says where the renditions are, and the other side is cleared in the end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from safelight.domain import keys
from safelight.domain.errors import StorageFailed
from safelight.domain.image import Image, State
from safelight.domain.jobs import ClearSide
from safelight.ports.records import Transaction
from safelight.testing.samples import rendition
from safelight.upkeep.reconcile import reconcile
from safelight.upkeep.sides import AT_MOST, TAKEN_FOR, clear_image, move_renditions, recover_sides

ALL = {"thumb", "wide", "poster"}


class Unsure:
    """Records whose answer to the n-th commit is lost: it was done, and looks as if it had failed."""

    def __init__(self, stage: Any, number: int) -> None:
        self._records = stage.records
        self._left = number
        self.reading = stage.records.reading
        self.glance = stage.records.glance

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        async with self._records.transaction() as tx:
            yield tx
        self._left -= 1
        if self._left == 0:
            raise StorageFailed("the answer to the commit was lost")


async def flip(tx: Transaction, taken: Image) -> Image:
    return await tx.set_public(taken.id, attempt=taken.attempt, public=not taken.public)


async def move(stage: Any, image: Image, flip: Any = flip, records: Any = None) -> Image:
    return await move_renditions(
        image,
        flip,
        records=records or stage.records,
        objects=stage.objects,
        signals=stage.signals,
        clock=stage.clock,
    )


async def clear(stage: Any, image: Image) -> bool:
    return await clear_image(image.id, records=stage.records, objects=stage.objects, clock=stage.clock)


async def left_by_a_kill(stage: Any, image: Image, *, flipped: bool) -> None:
    """Leave the image as a process does that is killed before or after the flip: on both sides, and noted so."""
    async with stage.records.transaction() as tx:
        taken = await tx.sides.take(image, clear_due_at=stage.clock.now() + TAKEN_FOR)
    for one in await stage.renditions(image.id):
        source = await stage.objects.head(keys.rendition(one, public=image.public))
        await stage.objects.copy(source.key, keys.rendition(one, public=not image.public), if_match=source.etag)
    if flipped:
        async with stage.records.transaction() as tx:
            await flip(tx, taken)


async def test_where_the_flip_fails_the_image_is_as_it_was(stage: Any, image_with_files: Any, sides: Any):
    image = await image_with_files(public=True)

    async def fail(tx: Transaction, taken: Image) -> Image:
        await flip(tx, taken)
        raise StorageFailed("the disk is full")

    with pytest.raises(StorageFailed):
        await move(stage, image, fail)

    stored = await stage.stored(image.id)
    assert (stored.public, stored.revision, stored.clear_due_at) == (True, image.revision, None)
    assert await sides(image.id) == (ALL, set())


@pytest.mark.parametrize("commit", [1, 2, 3])
async def test_where_the_answer_to_a_commit_is_lost_no_rendition_is(
    stage: Any, image_with_files: Any, sides: Any, commit: int
):
    """The take, the look at what is noted, which finds more to copy, and the flip."""
    image = await image_with_files(public=True)

    with pytest.raises(StorageFailed):
        await move(stage, image, records=Unsure(stage, commit))
    stage.clock.advance(TAKEN_FOR)
    await clear(stage, image)

    stored = await stage.stored(image.id)
    assert stored.public is (commit < 3)
    assert await sides(image.id) == ((ALL, set()) if stored.public else (set(), ALL))
    assert stored.clear_due_at is None


async def test_a_move_that_takes_too_long_is_given_up_and_cleared_later(
    stage: Any, image_with_files: Any, sides: Any, monkeypatch: pytest.MonkeyPatch
):
    image = await image_with_files(public=True)
    monkeypatch.setattr("safelight.upkeep.sides.AT_MOST", AT_MOST * 0)

    with pytest.raises(StorageFailed, match="longer"):
        await move(stage, image)
    monkeypatch.undo()
    stage.clock.advance(TAKEN_FOR)
    cleared = await clear(stage, image)

    assert cleared
    assert (await stage.stored(image.id)).public
    assert await sides(image.id) == (ALL, set())


async def test_what_is_tidied_up_after_a_failure_takes_no_longer(
    stage: Any, image_with_files: Any, monkeypatch: pytest.MonkeyPatch
):
    """Later, somebody else may have the image."""
    image = await image_with_files(public=True)
    monkeypatch.setattr("safelight.upkeep.sides.AT_MOST", timedelta(seconds=0.2))

    async def fail(_tx: Transaction, _taken: Image) -> None:
        stage.objects.before = lambda *_: asyncio.Event().wait()  # no answer, ever
        raise StorageFailed("the disk is full")

    with pytest.raises(StorageFailed):
        await move(stage, image, fail)

    assert (await stage.stored(image.id)).clear_due_at is not None


@pytest.mark.parametrize("flipped", [True, False])
async def test_what_a_killed_process_left_is_cleared_when_it_is_due(
    stage: Any,
    image_with_files: Any,
    sides: Any,
    flipped: bool,  # noqa: FBT001 - before or after
):
    image = await image_with_files(public=True)
    await left_by_a_kill(stage, image, flipped=flipped)

    too_early = await clear(stage, image)
    on_both = await sides(image.id)
    stage.clock.advance(TAKEN_FOR)
    cleared = await clear(stage, image)

    assert (too_early, cleared) == (False, True)
    assert on_both == (ALL, ALL)
    assert await sides(image.id) == ((set(), ALL) if flipped else (ALL, set()))
    assert (await stage.stored(image.id)).clear_due_at is None
    assert keys.original(image.id) in await stage.keys()


async def test_a_process_that_is_alone_need_not_wait_until_it_is_due(stage: Any, image_with_files: Any, sides: Any):
    image = await image_with_files(public=True)
    await left_by_a_kill(stage, image, flipped=True)

    recovered = await recover_sides(records=stage.records, clock=stage.clock, limit=10)
    cleared = await clear(stage, image)

    assert (recovered, cleared) == (1, True)
    assert await sides(image.id) == (set(), ALL)


async def test_what_is_due_is_found_from_the_records(stage: Any, image_with_files: Any):
    image = await image_with_files(public=True)
    await left_by_a_kill(stage, image, flipped=True)
    stage.clock.advance(TAKEN_FOR)

    found = await reconcile(
        records=stage.records,
        objects=stage.objects,
        signals=stage.signals,
        clock=stage.clock,
        grace=AT_MOST,
        limit=10,
    )

    assert found.to_clear == 1
    assert stage.queued() == [ClearSide(image.id)]


async def test_what_is_due_again_can_be_moved_again(stage: Any, image_with_files: Any, sides: Any):
    image = await image_with_files(public=True)
    await left_by_a_kill(stage, image, flipped=False)
    stage.clock.advance(TAKEN_FOR)

    await move(stage, await stage.stored(image.id))

    assert await sides(image.id) == (set(), ALL)


async def test_a_deleted_image_is_cleared_as_well(stage: Any, image_with_files: Any):
    """Copies may have come after the purge."""
    image = await image_with_files(public=True)
    async with stage.records.transaction() as tx:
        await tx.sides.take(image, clear_due_at=stage.clock.now())
        await tx.move(image.id, was=State.READY, now=State.DELETED)
    for key in await stage.keys():
        await stage.objects.delete(key)
    stage.objects.keep(keys.rendition(rendition(image.id), public=False), b"a late copy")

    assert await clear(stage, image)

    assert await stage.keys() == set()


async def test_nothing_is_done_to_an_image_that_nobody_moved(stage: Any, image_with_files: Any):
    image = await image_with_files(public=True)

    assert not await clear(stage, image)

    assert await stage.stored(image.id) == image


async def test_a_side_that_cannot_be_cleared_is_due_again(stage: Any, image_with_files: Any, sides: Any):
    image = await image_with_files(public=True)
    await left_by_a_kill(stage, image, flipped=True)
    stage.clock.advance(TAKEN_FOR)
    stage.objects.broken = True

    with pytest.raises(StorageFailed):
        await clear(stage, image)
    stage.objects.broken = False
    cleared = await clear(stage, image)

    assert cleared
    assert await sides(image.id) == (set(), ALL)
