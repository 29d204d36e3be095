"""Public to protected and back: all or nothing, and no old URL leads anywhere afterwards."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from safelight.domain import keys
from safelight.domain.errors import ImageBusy, StorageFailed, WrongState
from safelight.domain.events import Action
from safelight.domain.image import Image, State
from safelight.testing.samples import rendition
from safelight.upkeep.delete import delete_image
from safelight.upkeep.purge import purge_image
from safelight.upkeep.sides import AT_MOST
from safelight.upkeep.visibility import Switched, set_visibility

ALL = {"thumb", "wide", "poster"}


async def switch(stage: Any, image: Image, *, public: bool) -> Switched:
    return await set_visibility(
        image,
        stage.origin,
        public=public,
        records=stage.records,
        objects=stage.objects,
        signals=stage.signals,
        clock=stage.clock,
    )


def on_call(stage: Any, deed: str, number: int, do: Any) -> None:
    """Let something happen just before the n-th such call of the store."""
    calls = []

    async def before(called: str, _key: object) -> None:
        if called == deed:
            calls.append(called)
            if len(calls) == number:
                await do()

    stage.objects.before = before


async def break_down() -> None:
    raise StorageFailed("a cable was pulled")


@pytest.mark.parametrize("public", [True, False])
async def test_all_renditions_move_to_the_other_side(stage: Any, image_with_files: Any, sides: Any, public: bool):  # noqa: FBT001 - both ways
    image = await image_with_files(public=not public)

    shown = await switch(stage, image, public=public)

    stored = await stage.stored(image.id)
    assert shown.image.public is stored.public is public
    assert await sides(image.id) == ((ALL, set()) if public else (set(), ALL))
    assert (stored.state, stored.revision > image.revision, stored.clear_due_at) == (State.READY, True, None)
    assert await stage.actions(image.id) == [Action.PUBLISHED if public else Action.PROTECTED]
    assert stage.signals.changed_images == [image.id]


@pytest.mark.parametrize("public", [True, False])
async def test_the_original_stays_where_it_is(stage: Any, image_with_files: Any, public: bool):  # noqa: FBT001 - both ways
    image = await image_with_files(public=not public)

    await switch(stage, image, public=public)

    assert keys.original(image.id) in await stage.keys()


async def test_what_is_so_already_stays_as_it_is(stage: Any, image_with_files: Any):
    image = await image_with_files(public=True)
    before = await stage.keys()

    shown = await switch(stage, image, public=True)

    assert shown.image == image == await stage.stored(image.id)
    assert await stage.keys() == before
    assert (await stage.actions(image.id), stage.signals.changed_images) == ([], [])


async def test_it_goes_back_and_forth(stage: Any, image_with_files: Any, sides: Any):
    image = await image_with_files(public=True)

    for public in (False, True, False, True):
        image = (await switch(stage, image, public=public)).image

    assert await sides(image.id) == (ALL, set())
    assert len(await stage.renditions(image.id)) == len(ALL)


async def test_what_was_retired_is_no_more_readable_either_and_forgotten(stage: Any, image_with_files: Any):
    image = await image_with_files(public=True)
    old = rendition(image.id, "thumb")
    async with stage.records.transaction() as tx:
        await tx.retire_renditions(image.id, [old], at=stage.clock.now())

    shown = await switch(stage, image, public=False)

    assert keys.rendition(old, public=True) in shown.formerly_public
    assert not {key for key in await stage.keys() if "/thumb-" in key}
    async with stage.records.reading() as snapshot:
        noted = await snapshot.renditions_of([image.id], retired_since=image.created_at - timedelta(days=1))
    assert {one.variant for one in noted[image.id]} == ALL - {"thumb"}


async def test_what_nobody_noted_is_no_more_readable_either(stage: Any, image_with_files: Any, sides: Any):
    """Such as what a reprocess left there that was killed."""
    image = await image_with_files(public=True)
    stage.objects.keep(keys.rendition(rendition(image.id, "orphan"), public=True), b"pixels")

    await switch(stage, image, public=False)

    assert await sides(image.id) == (set(), ALL)


async def test_the_old_public_urls_are_told_again_when_the_answer_was_lost(stage: Any, image_with_files: Any):
    image = await image_with_files(public=True)
    first = await switch(stage, image, public=False)

    second = await switch(stage, first.image, public=False)

    assert len(first.formerly_public) == len(ALL)
    assert second.formerly_public == first.formerly_public


@pytest.mark.parametrize("state", sorted(set(State) - {State.READY}))
async def test_only_a_ready_image_is_switched(stage: Any, state: State):
    image = await stage.image_in(state)

    with pytest.raises(WrongState):
        await switch(stage, image, public=not image.public)

    assert await stage.stored(image.id) == image


@pytest.mark.parametrize("public", [True, False])
@pytest.mark.parametrize("number", [1, 2, 3])
async def test_where_a_copy_fails_the_image_is_as_it_was(
    stage: Any,
    image_with_files: Any,
    sides: Any,
    public: bool,  # noqa: FBT001 - both ways
    number: int,
):
    image = await image_with_files(public=not public)
    on_call(stage, "copy", number, break_down)

    with pytest.raises(StorageFailed):
        await switch(stage, image, public=public)

    stored = await stage.stored(image.id)
    assert (stored.public, stored.revision, stored.clear_due_at) == (not public, image.revision, None)
    assert await sides(image.id) == ((set(), ALL) if public else (ALL, set()))
    assert (await stage.actions(image.id), stage.signals.changed_images) == ([], [])


@pytest.mark.parametrize("number", [1, 2, 3])
async def test_what_could_not_be_removed_goes_when_it_is_asked_for_again_a_minute_later(
    stage: Any, image_with_files: Any, sides: Any, number: int
):
    image = await image_with_files(public=True)
    on_call(stage, "delete", number, break_down)

    with pytest.raises(StorageFailed):
        await switch(stage, image, public=False)
    stored = await stage.stored(image.id)
    still_public, _ = await sides(image.id)
    with pytest.raises(ImageBusy):  # what failed may be under way
        await switch(stage, stored, public=False)
    stage.clock.advance(AT_MOST)
    await switch(stage, stored, public=False)

    assert (stored.public, len(still_public)) == (False, 4 - number)
    assert await sides(image.id) == (set(), ALL)
    assert await stage.actions(image.id) == [Action.PROTECTED]


async def test_a_rendition_that_comes_meanwhile_moves_as_well(stage: Any, image_with_files: Any, sides: Any):
    """A lazy variant takes no image."""
    image = await image_with_files(public=True)
    late = rendition(image.id, "lazy")

    async def render_lazily() -> None:
        taken = await stage.stored(image.id)
        stage.objects.keep(keys.rendition(late, public=taken.public), b"pixels")
        async with stage.records.transaction() as tx:
            await tx.add_rendition(late, attempt=taken.attempt)

    on_call(stage, "copy", 3, render_lazily)

    await switch(stage, image, public=False)

    assert await sides(image.id) == (set(), ALL | {"lazy"})


async def test_a_worker_that_takes_the_image_meanwhile_has_it(stage: Any, image_with_files: Any, sides: Any):
    image = await image_with_files(public=True)

    async def reprocess() -> None:
        async with stage.records.transaction() as tx:
            await tx.take(await tx.image(image.id), now=State.READY, lease_until=stage.clock.now())

    on_call(stage, "copy", 2, reprocess)

    with pytest.raises(ImageBusy):
        await switch(stage, image, public=False)

    assert (await stage.stored(image.id)).public
    assert await sides(image.id) == (ALL, set())


async def test_a_worker_that_had_the_image_before_notes_nothing_any_more(stage: Any, image_with_files: Any):
    image = await image_with_files(public=True)
    async with stage.records.transaction() as tx:
        working = await tx.take(image, now=State.READY, lease_until=stage.clock.now())

    await switch(stage, working, public=False)

    async with stage.records.transaction() as tx:
        with pytest.raises(WrongState):
            await tx.add_rendition(rendition(image.id, "late"), attempt=working.attempt)


async def test_an_image_that_is_deleted_meanwhile_leaves_nothing_behind(stage: Any, image_with_files: Any):
    image = await image_with_files(public=True)
    world = {"records": stage.records, "clock": stage.clock}

    async def delete() -> None:
        await delete_image(image, stage.origin, signals=stage.signals, ids=stage.ids, told=False, **world)
        await purge_image(image.id, objects=stage.objects, grace=timedelta(0), **world)

    on_call(stage, "copy", 2, delete)

    with pytest.raises(WrongState, match="deleted"):
        await switch(stage, image, public=False)

    assert await stage.keys() == set()


async def test_of_many_at_once_one_moves_it_and_nothing_is_lost(stage: Any, image_with_files: Any, sides: Any):
    image = await image_with_files(public=True)
    stage.objects.before = lambda *_: asyncio.sleep(0)

    ended = await asyncio.gather(*[switch(stage, image, public=False) for _ in range(10)], return_exceptions=True)

    assert {type(one) for one in ended} <= {Switched, ImageBusy}
    assert await stage.actions(image.id) == [Action.PROTECTED]
    assert await sides(image.id) == (set(), ALL)


async def test_while_one_removes_the_old_files_nobody_begins_to_write_them_anew(
    stage: Any, image_with_files: Any, sides: Any
):
    image = await image_with_files(public=True)
    refused = []

    async def switch_back() -> None:
        with pytest.raises(ImageBusy) as caught:
            await switch(stage, await stage.stored(image.id), public=True)
        refused.append(caught.value)

    on_call(stage, "delete", 2, switch_back)

    await switch(stage, image, public=False)

    assert len(refused) == 1
    assert await sides(image.id) == (set(), ALL)


async def test_a_call_that_finds_the_files_being_removed_does_not_say_that_they_are_gone(
    stage: Any, image_with_files: Any
):
    image = await image_with_files(public=True)
    refused = []

    async def ask_again() -> None:
        with pytest.raises(ImageBusy) as caught:
            await switch(stage, await stage.stored(image.id), public=False)
        refused.append(caught.value)

    on_call(stage, "delete", 1, ask_again)

    await switch(stage, image, public=False)

    assert len(refused) == 1
