"""Purging: every byte goes, and goes again until no URL can bring one back."""

from datetime import timedelta
from typing import Any

import pytest

from safelight.domain import keys
from safelight.domain.events import Action
from safelight.domain.image import BYTES_OWED, Image, State
from safelight.domain.jobs import PurgeImage
from safelight.testing.samples import UPLOAD_TTL, new_image, rendition
from safelight.upkeep.purge import purge_image

GRACE = timedelta(hours=1)
A_MOMENT = timedelta(seconds=1)


async def purge(stage: Any, image: Image) -> bool:
    return await purge_image(image.id, records=stage.records, objects=stage.objects, clock=stage.clock, grace=GRACE)


def keep_all(stage: Any, image: Image) -> None:
    """Let an image have every object that it can have, on both sides."""
    stage.upload(image, attempt=1)
    stage.upload(image, attempt=12)
    stage.objects.keep(keys.original(image.id), b"original")
    for public in (True, False):
        stage.objects.keep(keys.rendition(rendition(image.id), public=public), b"thumb")


@pytest.mark.parametrize("state", sorted(BYTES_OWED))
async def test_every_object_of_the_image_goes_and_no_other(stage: Any, state: State):
    image = await stage.image_in(state, 1)
    keep_all(stage, image)
    stage.clock.advance(UPLOAD_TTL + GRACE)
    other = await stage.image_in(State.READY, 17)  # its id begins with the same digits
    keep_all(stage, other)
    kept = await stage.keys()

    done = await purge(stage, image)

    assert done
    assert await stage.keys() == {key for key in kept if keys.image_of(key) == other.id}
    assert (await stage.stored(image.id)).purged_at == stage.clock.now()
    assert await stage.actions(image.id) == [Action.PURGED]


async def test_while_the_upload_url_can_write_another_purge_is_due_later(stage: Any):
    image = await stage.image_in(State.DELETED)
    stage.upload(image)
    stage.clock.advance(UPLOAD_TTL + GRACE - A_MOMENT)

    done = await purge(stage, image)

    stored = await stage.stored(image.id)
    over = image.expires_at + GRACE
    assert not done
    assert await stage.keys() == set()
    assert (stored.purged_at, stored.next_attempt_at) == (None, over)
    assert stage.jobs.queued == [(PurgeImage(image.id), over)]


async def test_what_came_late_goes_with_the_later_purge(stage: Any):
    image = await stage.image_in(State.DELETED)
    await purge(stage, image)
    stage.upload(image)
    stage.objects.keep(keys.rendition(rendition(image.id), public=True), b"of a worker that was too late")
    stage.clock.advance(UPLOAD_TTL + GRACE)

    done = await purge(stage, image)

    assert done
    assert await stage.keys() == set()


async def test_the_records_forget_the_renditions(stage: Any):
    image = await stage.image_in(State.PROCESSING)
    async with stage.records.transaction() as tx:
        await tx.add_rendition(rendition(image.id), attempt=1)
        await tx.move(image.id, was=State.PROCESSING, now=State.DELETED)
    stage.clock.advance(UPLOAD_TTL + GRACE)

    await purge(stage, image)

    assert await stage.renditions(image.id) == []


@pytest.mark.parametrize("state", sorted(set(State) - BYTES_OWED))
async def test_an_image_that_is_not_to_go_keeps_everything(stage: Any, state: State):
    image = await stage.image_in(state)
    keep_all(stage, image)
    kept = await stage.keys()
    stage.clock.advance(UPLOAD_TTL + GRACE)

    done = await purge(stage, image)

    assert not done
    assert await stage.keys() == kept


def test_the_two_images_are_alike_in_all_but_the_last_digits():
    assert new_image(1).id[:-2] == new_image(17).id[:-2]


async def test_parts_that_have_come_go_with_the_image_and_those_of_another_stay(stage: Any):
    uploads = stage.objects.multipart
    images = []
    for number in (1, 2):
        key = keys.incoming_of(new_image(number))
        multipart_id = await uploads.begin(key, content_type="")
        uploads.send(multipart_id, 1, b"part")
        images.append(await stage.image_in(State.REQUESTED, number, multipart_id=multipart_id))
    async with stage.records.transaction() as tx:
        await tx.move(images[0].id, was=State.REQUESTED, now=State.DELETED)

    await purge(stage, images[0])

    assert [upload.multipart_id async for upload in uploads.uploads("")] == [images[1].multipart_id]


async def test_a_part_that_was_under_way_goes_with_the_later_purge(stage: Any):
    key = keys.incoming_of(new_image(1))
    image = await stage.image_in(State.DELETED, multipart_id=await stage.objects.multipart.begin(key, content_type=""))
    await purge(stage, image)
    await stage.objects.multipart.begin(key, content_type="")  # as S3 may keep it for a part that was being sent
    stage.clock.advance(UPLOAD_TTL + GRACE)

    done = await purge(stage, image)

    assert done
    assert [upload async for upload in stage.objects.multipart.uploads("")] == []
