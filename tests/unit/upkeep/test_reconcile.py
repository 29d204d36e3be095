"""The record is the truth: whatever the queue, the webhooks or the clients lost is found again."""

from datetime import timedelta
from typing import Any

import pytest

from safelight.domain.errors import StorageFailed
from safelight.domain.events import Delivery
from safelight.domain.image import Image, State
from safelight.domain.jobs import DeliveryId, ProcessImage, PurgeImage, ReprocessImage, SendWebhook
from safelight.ports.records import Changes
from safelight.testing.contracts.records import LEASE
from safelight.testing.samples import UPLOAD_TTL
from safelight.upkeep.reconcile import Found, reconcile

GRACE = timedelta(hours=1)
SOON = timedelta(seconds=30)
NOTHING = Found(0, 0, 0, 0)


async def look(stage: Any, *, limit: int = 10) -> Found:
    return await reconcile(
        records=stage.records,
        objects=stage.objects,
        signals=stage.signals,
        clock=stage.clock,
        grace=GRACE,
        limit=limit,
    )


async def owe(stage: Any, image: Image) -> Delivery:
    owed = Delivery.owed(DeliveryId("d" * 32), image.id, State.READY, at=stage.clock.now())
    async with stage.records.transaction() as tx:
        await tx.add_delivery(owed)
    return owed


async def test_an_uploaded_image_that_nobody_works_on_is_queued(stage: Any):
    image = await stage.image_in(State.UPLOADED)

    assert await look(stage) == Found(1, 0, 0, 0)
    assert stage.jobs.queued == [(ProcessImage(image.id), None)]


async def test_one_that_waits_for_its_next_try_is_queued_when_that_is_due(stage: Any):
    image = await stage.image_in(State.PROCESSING)
    async with stage.records.transaction() as tx:
        again = Changes(next_attempt_at=stage.clock.now() + SOON)
        await tx.move(image.id, was=State.PROCESSING, now=State.UPLOADED, changes=again)

    before = await look(stage)
    stage.clock.advance(SOON)
    after = await look(stage)

    assert (before, after) == (NOTHING, Found(1, 0, 0, 0))


async def test_an_image_that_is_queued_for_its_time_is_not_queued_again_when_that_has_come(stage: Any):
    image = await stage.image_in(State.PROCESSING)
    again = stage.clock.now() + SOON
    async with stage.records.transaction() as tx:
        await tx.move(image.id, was=State.PROCESSING, now=State.UPLOADED, changes=Changes(next_attempt_at=again))
        await tx.enqueue(ProcessImage(image.id), run_at=again)
    stage.clock.advance(SOON)

    await look(stage)

    assert stage.jobs.queued == [(ProcessImage(image.id), again)]


async def test_an_image_whose_worker_is_past_its_lease_is_queued(stage: Any):
    image = await stage.image_in(State.PROCESSING)

    before = await look(stage)
    stage.clock.advance(LEASE - stage.clock.now())
    after = await look(stage)

    assert (before, after) == (NOTHING, Found(1, 0, 0, 0))
    assert stage.queued() == [ProcessImage(image.id)]


async def test_bytes_that_came_and_were_never_confirmed_are_confirmed(stage: Any):
    image = await stage.image_in(State.REQUESTED)
    stage.upload(image)

    before = await look(stage)
    stage.clock.advance(UPLOAD_TTL)
    after = await look(stage)

    assert (before, after) == (NOTHING, Found(0, 1, 0, 0))
    assert (await stage.stored(image.id)).state is State.UPLOADED
    assert stage.queued() == [ProcessImage(image.id)]


async def test_an_image_whose_bytes_never_came_expires(stage: Any):
    image = await stage.image_in(State.REQUESTED)
    stage.clock.advance(UPLOAD_TTL + GRACE)

    await look(stage)

    assert (await stage.stored(image.id)).state is State.EXPIRED
    assert stage.queued() == [PurgeImage(image.id)]


@pytest.mark.parametrize("state", [State.DELETED, State.REJECTED, State.EXPIRED])
async def test_bytes_that_were_never_purged_are_purged(stage: Any, state: State):
    image = await stage.image_in(state)

    assert await look(stage) == Found(0, 0, 1, 0)
    assert stage.queued() == [PurgeImage(image.id)]


async def test_a_purge_that_was_put_off_is_queued_when_it_is_due(stage: Any):
    image = await stage.image_in(State.DELETED)
    async with stage.records.transaction() as tx:
        await tx.postpone(image.id, was=State.DELETED, until=stage.clock.now() + SOON)

    before = await look(stage)
    stage.clock.advance(SOON)
    after = await look(stage)

    assert (before, after) == (NOTHING, Found(0, 0, 1, 0))


async def test_a_webhook_that_was_never_answered_is_sent_again(stage: Any):
    owed = await owe(stage, await stage.image_in(State.READY))

    assert await look(stage) == Found(0, 0, 0, 1)
    assert stage.queued() == [SendWebhook(owed.id)]


async def test_a_webhook_that_waits_for_its_next_try_is_left_to_wait(stage: Any):
    owed = await owe(stage, await stage.image_in(State.READY))
    async with stage.records.transaction() as tx:
        await tx.note_delivery(
            owed.id, attempts=1, next_attempt_at=stage.clock.now() + SOON, settled_at=None, last_error="down"
        )

    before = await look(stage)
    stage.clock.advance(SOON)
    after = await look(stage)

    assert (before, after) == (NOTHING, Found(0, 0, 0, 1))


@pytest.mark.parametrize("state", [State.READY, State.HELD, State.FAILED])
async def test_what_is_settled_is_left_alone(stage: Any, state: State):
    await stage.image_in(state)
    stage.clock.advance(timedelta(days=30))

    assert await look(stage) == NOTHING


async def test_a_reprocess_that_the_queue_lost_is_queued_again(stage: Any):
    image = await stage.image_in(State.READY)
    async with stage.records.transaction() as tx:
        await tx.want_reprocess(image.id, at=stage.clock.now())

    assert await look(stage) == Found(0, 0, 0, 0, to_reprocess=1)
    assert stage.queued() == [ReprocessImage(image.id)]


async def test_looking_twice_queues_nothing_twice(stage: Any):
    await stage.image_in(State.UPLOADED)

    await look(stage)
    await look(stage)

    assert len(stage.jobs.queued) == 1


async def test_one_look_takes_a_limited_number_and_the_longest_waiting_first(stage: Any):
    images = [await stage.image_in(State.DELETED, number) for number in range(5)]

    found = await look(stage, limit=2)

    assert found.to_purge == 2
    assert set(stage.queued()) <= {PurgeImage(image.id) for image in images}


async def test_an_upload_that_cannot_be_looked_at_keeps_no_other(stage: Any, monkeypatch: pytest.MonkeyPatch):
    unreadable, fine = [await stage.image_in(State.REQUESTED, number) for number in (1, 2)]
    stage.upload(fine)
    stage.clock.advance(UPLOAD_TTL)
    head = stage.objects.head

    async def broken(key: str) -> Any:
        if unreadable.id in key:
            raise StorageFailed(reason="input/output error")
        return await head(key)

    monkeypatch.setattr(stage.objects, "head", broken)

    with pytest.raises(StorageFailed):
        await look(stage)

    assert (await stage.stored(fine.id)).state is State.UPLOADED


async def test_a_store_that_is_away_is_not_asked_for_every_upload(stage: Any, monkeypatch: pytest.MonkeyPatch):
    for number in (1, 2, 3):
        await stage.image_in(State.REQUESTED, number)
    stage.clock.advance(UPLOAD_TTL)
    head, asked = stage.objects.head, []

    async def noted(key: str) -> Any:
        asked.append(key)
        return await head(key)

    monkeypatch.setattr(stage.objects, "head", noted)
    stage.objects.broken = True

    with pytest.raises(StorageFailed):
        await look(stage)

    assert len(asked) == 1


async def test_nothing_of_a_blocked_owner_is_touched_until_it_is_unblocked(stage: Any):
    states = (State.REQUESTED, State.UPLOADED, State.PROCESSING, State.HELD, State.READY, State.FAILED)
    images = [await stage.image_in(state, number) for number, state in enumerate(states)]
    await stage.block(images[0])
    stage.clock.advance(UPLOAD_TTL + GRACE + timedelta(days=30))

    while_blocked = await look(stage), [await stage.stored(image.id) for image in images]
    await stage.unblock(images[0])

    assert while_blocked == (NOTHING, images)
    assert await look(stage) == Found(2, 1, 0, 0)


async def test_what_was_over_before_a_block_is_purged_as_always(stage: Any):
    image = await stage.image_in(State.DELETED)
    await stage.block(image)

    assert await look(stage) == Found(0, 0, 1, 0)


async def test_of_each_owner_the_image_that_has_waited_longest_gets_the_first_turn(stage: Any):
    images = []
    for number, owner in enumerate(["importer"] * 4 + ["other"], 1):
        images.append(await stage.image_in(State.UPLOADED, number, owner=owner))
        stage.clock.advance(SOON)

    await look(stage)

    assert [stage.jobs.behind[ProcessImage(image.id)] for image in images] == [0, 1, 2, 3, 0]


async def test_images_without_an_owner_are_behind_nobody(stage: Any):
    images = [await stage.image_in(State.UPLOADED, number, owner=None) for number in (1, 2)]

    await look(stage)

    assert [stage.jobs.behind[ProcessImage(image.id)] for image in images] == [0, 0]
