"""Deleting: from any state, once, and never what the caller may not."""

import asyncio
from typing import Any

import pytest

from safelight.domain.errors import ImageGone, NotAllowed, OwnerBlocked
from safelight.domain.events import Action, Origin, WebhookEvent
from safelight.domain.image import FINAL, Image, State
from safelight.domain.jobs import PurgeImage, SendWebhook
from safelight.domain.who import NOBODY, SYSTEM, Role, Who
from safelight.upkeep.delete import delete_image


async def delete(
    stage: Any, image: Image, *, told: bool = True, spares_final: bool = False, origin: Origin | None = None
) -> None:
    await delete_image(
        image,
        origin or stage.origin,
        records=stage.records,
        signals=stage.signals,
        clock=stage.clock,
        ids=stage.ids,
        told=told,
        spares_final=spares_final,
    )


@pytest.mark.parametrize("state", sorted(set(State) - {State.DELETED}))
async def test_an_image_can_be_deleted_in_any_state(stage: Any, state: State):
    image = await stage.image_in(state)

    await delete(stage, image)

    (owed,) = await stage.owed()
    assert (await stage.stored(image.id)).state is State.DELETED
    assert stage.queued() == [PurgeImage(image.id), SendWebhook(owed.id)]
    assert (owed.event, owed.image_id) == (WebhookEvent.DELETED, image.id)
    assert await stage.actions(image.id) == [Action.DELETED]
    assert stage.signals.changed_images == [image.id]


async def test_an_application_that_wants_no_webhooks_is_owed_none(stage: Any):
    image = await stage.image_in(State.READY)

    await delete(stage, image, told=False)

    assert (await stage.owed(), stage.queued()) == ([], [PurgeImage(image.id)])


async def test_an_image_is_deleted_once(stage: Any):
    image = await stage.image_in(State.READY)

    results = await asyncio.gather(delete(stage, image), delete(stage, image), return_exceptions=True)

    assert sorted(map(str, results)) == sorted(["None", f"Image {image.id!r} is deleted. Request a new upload."])
    assert isinstance(next(filter(None, results)), ImageGone)
    assert await stage.actions(image.id) == [Action.DELETED]


async def test_an_image_is_deleted_although_a_worker_moved_it_meanwhile(stage: Any):
    known = await stage.image_in(State.UPLOADED)
    async with stage.records.transaction() as tx:
        await tx.take(known, now=State.PROCESSING, lease_until=stage.clock.now())

    await delete(stage, known)

    assert (await stage.stored(known.id)).state is State.DELETED


@pytest.mark.parametrize("state", sorted(set(State) - FINAL))
async def test_whoever_may_only_cancel_can_do_so_until_the_image_is_final(stage: Any, state: State):
    image = await stage.image_in(state)

    await delete(stage, image, spares_final=True)

    assert (await stage.stored(image.id)).state is State.DELETED


@pytest.mark.parametrize("state", sorted(FINAL - {State.DELETED}))
async def test_whoever_may_only_cancel_cannot_delete_what_is_final(stage: Any, state: State):
    image = await stage.image_in(state)

    with pytest.raises(NotAllowed):
        await delete(stage, image, spares_final=True)

    assert await stage.stored(image.id) == image


async def test_nor_what_became_final_at_this_very_moment(stage: Any):
    known = await stage.image_in(State.PROCESSING)
    async with stage.records.transaction() as tx:
        ready = await tx.move(known.id, was=State.PROCESSING, now=State.READY)

    with pytest.raises(NotAllowed, match="final"):
        await delete(stage, known, spares_final=True)

    assert await stage.stored(known.id) == ready


async def test_a_cancel_that_is_repeated_hears_that_the_image_is_gone(stage: Any):
    image = await stage.image_in(State.DELETED)

    with pytest.raises(ImageGone):
        await delete(stage, image, spares_final=True)


@pytest.mark.parametrize("who", [NOBODY, Who(Role.USER, "user-42")], ids=["write token", "owner"])
@pytest.mark.parametrize("state", [State.REQUESTED, State.READY])
async def test_a_blocked_owner_deletes_nothing_of_what_is_kept_for_review(stage: Any, who: Who, state: State):
    image = await stage.image_in(state)
    await stage.block(image)

    with pytest.raises(OwnerBlocked):
        await delete(stage, image, origin=Origin(who))

    assert await stage.stored(image.id) == image
    assert (stage.queued(), await stage.owed()) == ([], [])


@pytest.mark.parametrize("origin", [None, Origin(SYSTEM)], ids=["application", "operator"])
async def test_whoever_reviews_a_blocked_owner_may_delete(stage: Any, origin: Origin | None):
    image = await stage.image_in(State.READY)
    await stage.block(image)

    await delete(stage, image, origin=origin)

    assert (await stage.stored(image.id)).state is State.DELETED
