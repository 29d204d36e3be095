"""Step 3: record and job change together, once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from safelight.domain import keys
from safelight.domain.errors import ImageGone, NothingUploaded, OwnerBlocked, SizeDiffers, StorageFailed
from safelight.domain.events import Action
from safelight.domain.image import GONE, Image, State
from safelight.domain.jobs import ProcessImage
from safelight.journey.confirm import confirm_upload


async def confirm(stage: Any, image: Image) -> Image:
    return await confirm_upload(
        image, stage.origin, records=stage.records, objects=stage.objects, signals=stage.signals, clock=stage.clock
    )


async def test_bytes_that_came_are_confirmed_and_queued(stage: Any):
    image = await stage.image_in(State.REQUESTED)
    stage.upload(image)

    confirmed = await confirm(stage, image)

    assert confirmed.state is State.UPLOADED
    assert stage.jobs.queued == [(ProcessImage(image.id), confirmed.next_attempt_at)]
    assert stage.signals.changed_images == [image.id]
    assert await stage.actions(image.id) == [Action.CONFIRMED]


async def test_a_confirm_without_bytes_changes_nothing(stage: Any):
    image = await stage.image_in(State.REQUESTED)

    with pytest.raises(NothingUploaded):
        await confirm(stage, image)

    assert await stage.stored(image.id) == image
    assert stage.queued() == []


@pytest.mark.parametrize("content", [b"short", b"longer than what was declared"])
async def test_a_stored_file_of_another_size_is_refused(stage: Any, content: bytes):
    image = await stage.image_in(State.REQUESTED)
    stage.upload(image, content=content)

    with pytest.raises(SizeDiffers):
        await confirm(stage, image)

    assert (await stage.stored(image.id)).state is State.REQUESTED


async def test_the_latest_attempt_that_came_is_the_one_that_counts(stage: Any):
    image = await stage.image_in(State.REQUESTED)
    async with stage.records.transaction() as tx:
        for attempt in (2, 3):
            image = await tx.resign(image.id, upload_attempt=attempt, expires_at=image.expires_at)
    stage.upload(image, attempt=1)
    stage.upload(image, attempt=2)

    confirmed = await confirm(stage, image)

    assert confirmed.upload_attempt == 2
    assert keys.incoming_of(confirmed, confirmed.upload_attempt).endswith(".2")


async def test_two_confirms_at_once_queue_one_job(stage: Any):
    image = await stage.image_in(State.REQUESTED)
    stage.upload(image)

    first, second = await asyncio.gather(confirm(stage, image), confirm(stage, image))

    assert first.state is second.state is State.UPLOADED
    assert stage.queued() == [ProcessImage(image.id)]
    assert await stage.actions(image.id) == [Action.CONFIRMED]


@pytest.mark.parametrize("state", sorted(set(State) - {State.REQUESTED} - GONE))
async def test_a_further_confirm_changes_nothing(stage: Any, state: State):
    image = await stage.image_in(state)

    assert await confirm(stage, image) == image
    assert stage.queued() == []


@pytest.mark.parametrize("state", sorted(GONE))
async def test_what_is_gone_cannot_be_confirmed(stage: Any, state: State):
    image = await stage.image_in(state)

    with pytest.raises(ImageGone):
        await confirm(stage, image)


async def test_an_image_that_is_deleted_at_this_very_moment_stays_deleted(stage: Any):
    image = await stage.image_in(State.REQUESTED)
    stage.upload(image)
    async with stage.records.transaction() as tx:
        await tx.move(image.id, was=State.REQUESTED, now=State.DELETED)

    with pytest.raises(ImageGone):
        await confirm(stage, image)

    assert stage.queued() == []


async def test_where_the_transaction_fails_neither_state_nor_job_is_there(stage: Any, monkeypatch: pytest.MonkeyPatch):
    image = await stage.image_in(State.REQUESTED)
    stage.upload(image)
    whole = stage.records.transaction

    @asynccontextmanager
    async def breaking() -> AsyncIterator[Any]:
        async with whole() as tx:
            yield tx
            raise StorageFailed(reason="the disk is full")

    monkeypatch.setattr(stage.records, "transaction", breaking)

    with pytest.raises(StorageFailed):
        await confirm(stage, image)

    assert await stage.stored(image.id) == image
    assert (stage.queued(), stage.signals.changed_images) == ([], [])


@pytest.mark.parametrize("came", [True, False])
async def test_nothing_of_a_blocked_owner_is_confirmed_whether_it_came_or_not(stage: Any, came: bool):  # noqa: FBT001
    image = await stage.image_in(State.REQUESTED)
    if came:
        stage.upload(image)
    await stage.block(image)

    with pytest.raises(OwnerBlocked):
        await confirm(stage, image)

    assert await stage.stored(image.id) == image
    assert (stage.queued(), stage.signals.changed_images) == ([], [])


async def test_a_block_that_comes_while_the_bytes_are_looked_at_counts(stage: Any, monkeypatch: pytest.MonkeyPatch):
    image = await stage.image_in(State.REQUESTED)
    stage.upload(image)
    head = stage.objects.head

    async def blocked_meanwhile(key: str) -> Any:
        await stage.block(image)
        return await head(key)

    monkeypatch.setattr(stage.objects, "head", blocked_meanwhile)

    with pytest.raises(OwnerBlocked):
        await confirm(stage, image)

    assert await stage.stored(image.id) == image
    assert stage.queued() == []


async def test_what_was_confirmed_before_its_owner_was_blocked_is_still_confirmed(stage: Any):
    image = await stage.image_in(State.UPLOADED)
    await stage.block(image)

    assert await confirm(stage, image) == image


async def test_where_no_parts_are_taken_any_more_those_that_came_are_nothing(stage: Any):
    image = await stage.image_in(State.REQUESTED, multipart_id="of a bucket that was left")
    stage.objects.multipart = None

    with pytest.raises(NothingUploaded):
        await confirm(stage, image)
