"""Uploads that nobody confirmed: what came is confirmed, what cannot come any more expires."""

from datetime import timedelta
from typing import Any

import pytest

from safelight.domain import keys
from safelight.domain.events import Action
from safelight.domain.image import Image, State
from safelight.domain.jobs import ProcessImage, PurgeImage
from safelight.domain.multipart import LEAST_PART_BYTES
from safelight.testing.samples import UPLOAD_TTL, new_image
from safelight.upkeep.expire import LOOK_AGAIN_AFTER, expire_image

GRACE = timedelta(hours=1)
A_MOMENT = timedelta(seconds=1)


async def expire(stage: Any, image: Image, *, grace: timedelta = GRACE) -> State:
    return await expire_image(
        image,
        records=stage.records,
        objects=stage.objects,
        signals=stage.signals,
        clock=stage.clock,
        grace=grace,
    )


async def test_bytes_that_came_are_confirmed_on_the_clients_behalf(stage: Any):
    image = await stage.image_in(State.REQUESTED)
    stage.upload(image)
    stage.clock.advance(UPLOAD_TTL)

    state = await expire(stage, image)

    assert state is (await stage.stored(image.id)).state is State.UPLOADED
    assert stage.queued() == [ProcessImage(image.id)]
    assert await stage.actions(image.id) == [Action.CONFIRMED]


async def test_while_an_upload_may_still_be_under_way_the_image_is_looked_at_again_later(stage: Any):
    image = await stage.image_in(State.REQUESTED)
    stage.clock.advance(UPLOAD_TTL + GRACE - A_MOMENT - LOOK_AGAIN_AFTER)

    state = await expire(stage, image)

    stored = await stage.stored(image.id)
    assert state is stored.state is State.REQUESTED
    assert stored.next_attempt_at == stage.clock.now() + LOOK_AGAIN_AFTER


async def test_the_next_look_is_no_later_than_the_last_moment_at_which_bytes_can_come(stage: Any):
    image = await stage.image_in(State.REQUESTED)
    stage.clock.advance(UPLOAD_TTL)

    await expire(stage, image, grace=A_MOMENT)

    assert (await stage.stored(image.id)).next_attempt_at == image.expires_at + A_MOMENT


@pytest.mark.parametrize("content", [None, b"of another size"])
async def test_when_nothing_right_can_come_any_more_the_image_expires_and_is_purged(stage: Any, content: bytes | None):
    image = await stage.image_in(State.REQUESTED)
    if content is not None:
        stage.upload(image, content=content)
    stage.clock.advance(UPLOAD_TTL + GRACE)

    state = await expire(stage, image)

    assert state is (await stage.stored(image.id)).state is State.EXPIRED
    assert stage.queued() == [PurgeImage(image.id)]
    assert await stage.actions(image.id) == [Action.EXPIRED]
    assert stage.signals.changed_images == [image.id]


async def test_an_image_whose_upload_was_signed_again_at_this_very_moment_lives_on(stage: Any):
    known = await stage.image_in(State.REQUESTED)
    now = stage.clock.advance(UPLOAD_TTL + GRACE)
    async with stage.records.transaction() as tx:
        await tx.resign(known.id, upload_attempt=2, expires_at=now + UPLOAD_TTL)

    state = await expire(stage, known)

    assert state is (await stage.stored(known.id)).state is State.REQUESTED


async def test_bytes_that_come_after_the_look_are_not_missed(stage: Any, monkeypatch: pytest.MonkeyPatch):
    """The last moment may pass between the look and the decision: then another look follows."""
    image = await stage.image_in(State.REQUESTED)
    stage.clock.advance(UPLOAD_TTL + GRACE - A_MOMENT)
    look = stage.objects.head

    async def slow_look(key: Any) -> Any:
        stage.clock.advance(A_MOMENT)
        return await look(key)

    monkeypatch.setattr(stage.objects, "head", slow_look)

    assert await expire(stage, image) is State.REQUESTED


@pytest.mark.parametrize("state", [State.UPLOADED, State.DELETED])
async def test_an_image_that_moved_on_meanwhile_is_left_alone(stage: Any, state: State):
    known = await stage.image_in(State.REQUESTED)
    async with stage.records.transaction() as tx:
        moved = await tx.move(known.id, was=State.REQUESTED, now=state)
    stage.clock.advance(UPLOAD_TTL + GRACE)

    assert await expire(stage, known) is state
    assert await stage.stored(known.id) == moved
    assert stage.queued() == []


async def test_an_image_that_was_confirmed_after_the_look_is_not_put_off(stage: Any):
    known = await stage.image_in(State.REQUESTED)
    async with stage.records.transaction() as tx:
        moved = await tx.move(known.id, was=State.REQUESTED, now=State.UPLOADED)
    stage.clock.advance(UPLOAD_TTL)

    assert await expire(stage, known) is State.UPLOADED
    assert (await stage.stored(known.id)) == moved


@pytest.mark.parametrize("came", [True, False])
async def test_nothing_of_a_blocked_owner_is_settled_until_it_is_unblocked(stage: Any, came: bool):  # noqa: FBT001
    image = await stage.image_in(State.REQUESTED)
    if came:
        stage.upload(image)
    stage.clock.advance(UPLOAD_TTL + GRACE)
    await stage.block(image)
    while_blocked = await expire(stage, image), await stage.stored(image.id), stage.queued()
    await stage.unblock(image)

    after = await expire(stage, image)

    assert while_blocked == (State.REQUESTED, image, [])
    assert after is (State.UPLOADED if came else State.EXPIRED)


async def test_a_block_that_comes_while_the_bytes_are_looked_for_counts(stage: Any, monkeypatch: pytest.MonkeyPatch):
    image = await stage.image_in(State.REQUESTED)
    stage.clock.advance(UPLOAD_TTL + GRACE)
    head = stage.objects.head

    async def blocked_meanwhile(key: str) -> Any:
        await stage.block(image)
        return await head(key)

    monkeypatch.setattr(stage.objects, "head", blocked_meanwhile)

    assert await expire(stage, image) is State.REQUESTED
    assert await stage.stored(image.id) == image
    assert stage.queued() == []


async def in_parts(stage: Any, *sizes: int) -> Image:
    """Return an image whose upload in parts is open, with parts of these sizes."""
    key = keys.incoming_of(new_image(1))
    multipart_id = await stage.objects.multipart.begin(key, content_type="")
    for number, size in enumerate(sizes, start=1):
        stage.objects.multipart.send(multipart_id, number, bytes(size))
    size = LEAST_PART_BYTES + 1
    return await stage.image_in(State.REQUESTED, multipart_id=multipart_id, declared_bytes=size)


async def test_parts_that_have_all_come_are_confirmed_on_the_clients_behalf(stage: Any):
    image = await in_parts(stage, LEAST_PART_BYTES, 1)
    stage.clock.advance(UPLOAD_TTL)

    assert await expire(stage, image) is State.UPLOADED
    assert (await stage.objects.head(keys.incoming_of(image))).bytes == LEAST_PART_BYTES + 1


async def test_an_upload_whose_parts_do_not_suffice_expires_in_the_end(stage: Any):
    image = await in_parts(stage, LEAST_PART_BYTES)
    stage.clock.advance(UPLOAD_TTL)

    in_time = await expire(stage, image)
    stage.clock.advance(GRACE)
    too_late = await expire(stage, image)

    assert (in_time, too_late) == (State.REQUESTED, State.EXPIRED)
    assert stage.queued() == [PurgeImage(image.id)]


async def test_an_image_that_was_deleted_after_its_bytes_came_is_left_alone(stage: Any):
    known = await stage.image_in(State.REQUESTED)
    stage.upload(known)
    async with stage.records.transaction() as tx:
        await tx.move(known.id, was=State.REQUESTED, now=State.DELETED)
    stage.clock.advance(UPLOAD_TTL)

    assert await expire(stage, known) is State.DELETED


async def test_an_upload_in_parts_expires_also_where_none_are_taken_any_more(stage: Any):
    image = await in_parts(stage, LEAST_PART_BYTES)
    stage.objects.multipart = None
    stage.clock.advance(UPLOAD_TTL + GRACE)

    assert await expire(stage, image) is State.EXPIRED
