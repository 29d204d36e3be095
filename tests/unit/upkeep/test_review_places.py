"""The verdict on an image of a kind of which a record has one: it takes the place as one that needs no verdict does."""

from typing import Any

import pytest

from safelight.domain.events import Action, WebhookEvent
from safelight.domain.image import Image, State
from safelight.upkeep.review import Review, Verdict, review_image


async def review(stage: Any, image: Image, verdict: Verdict = Verdict.APPROVE, *, public: bool = True) -> Image:
    return await review_image(
        image,
        Review(verdict, stage.origin, public, one_per_record=True),
        records=stage.records,
        objects=stage.objects,
        signals=stage.signals,
        clock=stage.clock,
        ids=stage.ids,
        told=True,
    )


async def portrait(stage: Any, number: int, state: State = State.HELD, **changes: object) -> Image:
    image: Image = await stage.image_in(state, number, **{"kind": "portrait", "hidden": state is State.HELD, **changes})
    return image


async def states(stage: Any, *images: Image) -> list[State]:
    return [(await stage.stored(image.id)).state for image in images]


@pytest.mark.parametrize("was_public", [True, False])
async def test_an_approved_image_takes_the_place_of_the_one_before(stage: Any, *, was_public: bool):
    old, held = await portrait(stage, 1, State.READY), await portrait(stage, 2, public=was_public)

    await review(stage, held)

    assert await states(stage, old, held) == [State.DELETED, State.READY]
    assert {(owed.event, owed.image_id) for owed in await stage.owed()} == {
        (WebhookEvent.DELETED, old.id),
        (WebhookEvent.READY, held.id),
    }
    assert set(stage.signals.changed_images) == {old.id, held.id}


async def test_an_image_that_is_approved_after_a_later_one_was_ready_is_deleted_and_no_news(stage: Any):
    held, later = await portrait(stage, 1), await portrait(stage, 2, State.READY)

    await review(stage, held)

    (owed,) = await stage.owed()
    assert await states(stage, held, later) == [State.DELETED, State.READY]
    assert (owed.event, owed.image_id) == (WebhookEvent.DELETED, held.id)
    assert await stage.actions(held.id) == [Action.REVIEWED, Action.READY, Action.DELETED]


async def test_a_rejected_image_leaves_the_one_before(stage: Any):
    old, held = await portrait(stage, 1, State.READY), await portrait(stage, 2)

    await review(stage, held, Verdict.REJECT)

    assert await states(stage, old, held) == [State.READY, State.REJECTED]
    assert [owed.event for owed in await stage.owed()] == [WebhookEvent.REJECTED]
