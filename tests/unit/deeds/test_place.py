"""A place for one image: whichever was attached last stays, whoever is ready first."""

import asyncio
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest

from safelight.deeds.occasion import Occasion
from safelight.deeds.place import find_room, hold_place, settle_place
from safelight.domain.errors import RecordFull
from safelight.domain.events import WebhookEvent
from safelight.domain.image import HOLDING, Attachment, Image, ImageId, State

POST = Attachment("post", "7")


async def portrait(stage: Any, number: int, state: State, **changes: object) -> Image:
    image: Image = await stage.image_in(state, number, **{"kind": "portrait", "attached_to": POST, **changes})
    return image


async def make_ready(stage: Any, image: Image) -> frozenset[ImageId]:
    """Do what FINALIZE and REVIEW do."""
    async with stage.records.transaction() as tx:
        await hold_place(image.id, tx)
        moved = await tx.move(image.id, was=image.state, now=State.READY)
        return await settle_place(moved, Occasion(stage.origin, stage.clock.now(), stage.ids, told=True), tx)


async def states(stage: Any, *images: Image) -> list[State]:
    return [(await stage.stored(image.id)).state for image in images]


@pytest.mark.parametrize("order", list(permutations(range(3))))
async def test_the_one_that_was_attached_last_stays_in_whatever_order_they_become_ready(
    stage: Any, order: tuple[int, ...]
):
    images = [
        await portrait(stage, number, State.PROCESSING, created_at=stage.clock.advance(timedelta(seconds=1)))
        for number in (3, 2, 1)
    ]

    for number in order:
        await make_ready(stage, images[number])

    assert await states(stage, *images) == [State.DELETED, State.DELETED, State.READY]


async def test_of_two_that_were_attached_at_one_moment_the_later_id_stays(stage: Any):
    later, earlier = [await portrait(stage, number, State.PROCESSING) for number in (2, 1)]

    removed = [await make_ready(stage, image) for image in (later, earlier)]

    assert removed == [frozenset(), {earlier.id}]
    assert await states(stage, later, earlier) == [State.READY, State.DELETED]


async def test_of_ten_that_become_ready_at_once_one_stays(stage: Any):
    images = [await portrait(stage, number, State.PROCESSING) for number in range(10)]

    await asyncio.gather(*(make_ready(stage, image) for image in images))

    assert await states(stage, *images) == [State.DELETED] * 9 + [State.READY]


@pytest.mark.parametrize("state", sorted(HOLDING - {State.READY}))
async def test_one_that_is_on_its_way_is_left_alone(stage: Any, state: State):
    waiting = await portrait(stage, 1, state)
    new = await portrait(stage, 2, State.HELD)

    await make_ready(stage, new)

    assert await states(stage, waiting, new) == [state, State.READY]


async def test_what_is_elsewhere_or_of_another_kind_is_left_alone(stage: Any):
    others = [
        await portrait(stage, 1, State.READY, attached_to=Attachment("post", "8")),
        await portrait(stage, 2, State.READY, kind="avatar"),
        await portrait(stage, 3, State.READY, attached_to=None),
    ]

    await make_ready(stage, await portrait(stage, 4, State.PROCESSING))

    assert await states(stage, *others) == [State.READY] * 3


async def test_one_that_is_attached_to_nothing_takes_the_place_of_nothing(stage: Any):
    images = [await portrait(stage, number, State.PROCESSING, attached_to=None) for number in range(2)]

    removed = [await make_ready(stage, image) for image in images]

    assert removed == [frozenset(), frozenset()]
    assert await states(stage, *images) == [State.READY] * 2


async def test_the_application_hears_that_the_old_one_is_gone(stage: Any):
    old = await portrait(stage, 1, State.READY)

    await make_ready(stage, await portrait(stage, 2, State.PROCESSING))

    assert [(owed.event, owed.image_id) for owed in await stage.owed()] == [(WebhookEvent.DELETED, old.id)]


async def test_there_is_room_until_so_many_are_there_that_are_not_over(stage: Any):
    kind, positions = stage.kinds["picture"], []
    for number, state in enumerate([State.REQUESTED, State.REJECTED, State.FAILED, State.DELETED, State.READY]):
        async with stage.records.transaction() as tx:
            positions.append(await find_room(POST, kind, tx))
        await stage.image_in(state, number, kind="picture", attached_to=POST, position=positions[-1])

    with pytest.raises(RecordFull):
        async with stage.records.transaction() as tx:
            await find_room(POST, kind, tx)

    assert positions == [0, 1, 1, 2, 2]
