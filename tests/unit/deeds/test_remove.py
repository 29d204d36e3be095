"""Removing images in a transaction that does more than that."""

from typing import Any

import pytest

from safelight.deeds.occasion import Occasion, owe_news
from safelight.deeds.remove import remove_image, remove_images
from safelight.domain.errors import WrongState
from safelight.domain.events import TOLD, Action
from safelight.domain.image import HOLDING, State
from safelight.domain.jobs import PurgeImage, SendWebhook
from safelight.testing.samples import audit_of


def occasion(stage: Any, *, told: bool = True) -> Occasion:
    return Occasion(stage.origin, stage.clock.now(), stage.ids, told)


async def test_the_audit_log_says_who_removed_whose_image_and_why(stage: Any):
    image = await stage.image_in(State.READY)

    async with stage.records.transaction() as tx:
        await remove_image(image, occasion(stage), tx, result="replaced")

    async with stage.records.reading() as snapshot:
        (event,) = await audit_of(image.id, snapshot)
    assert (event.action, event.result, event.owner) == (Action.DELETED, "replaced", image.owner)
    assert (event.actor, event.address, event.request_id) == (stage.origin.who.name, "192.0.2.1", "request-1")


async def test_an_image_that_is_not_as_it_is_known_is_not_removed(stage: Any):
    known = await stage.image_in(State.UPLOADED)
    async with stage.records.transaction() as tx:
        await tx.take(known, now=State.PROCESSING, lease_until=stage.clock.now())

    with pytest.raises(WrongState):
        async with stage.records.transaction() as tx:
            await remove_image(known, occasion(stage), tx)

    assert (await stage.stored(known.id)).state is State.PROCESSING


async def test_of_several_images_those_that_are_over_are_left_alone(stage: Any):
    images = [await stage.image_in(state, number) for number, state in enumerate(State)]

    async with stage.records.transaction() as tx:
        removed = await remove_images(images, occasion(stage, told=False), tx)

    assert {image.state for image in removed} == HOLDING
    assert stage.queued() == [PurgeImage(image.id) for image in removed]
    for image in images:
        expected = State.DELETED if image in removed else image.state
        assert (await stage.stored(image.id)).state is expected


async def test_several_images_are_removed_whatever_state_they_are_in_by_now(stage: Any):
    moved, deleted = [await stage.image_in(State.UPLOADED, number) for number in (1, 2)]
    async with stage.records.transaction() as tx:
        await tx.take(moved, now=State.PROCESSING, lease_until=stage.clock.now())
        await tx.move(deleted.id, was=State.UPLOADED, now=State.DELETED)

    async with stage.records.transaction() as tx:
        removed = await remove_images([moved, deleted], occasion(stage), tx)

    assert [image.id for image in removed] == [moved.id]
    assert (await stage.stored(moved.id)).state is State.DELETED


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("told", [True, False])
async def test_news_are_owed_of_what_the_application_wants_to_hear(stage: Any, state: State, *, told: bool):
    image = await stage.image_in(state)

    async with stage.records.transaction() as tx:
        await owe_news(image.id, state, occasion(stage, told=told), tx)

    owed = await stage.owed()
    assert [one.event for one in owed] == ([TOLD[state]] if told and state in TOLD else [])
    assert stage.queued() == [SendWebhook(one.id) for one in owed]
