"""Uploads in parts that no record waits for are given up."""

from datetime import timedelta
from typing import Any

import pytest

from safelight.domain import keys
from safelight.domain.errors import StorageFailed
from safelight.domain.image import Image, State
from safelight.testing.samples import new_image
from safelight.upkeep.sweep_uploads import sweep_uploads

GRACE = timedelta(hours=1)


async def sweep(stage: Any, *, batch: int = 100) -> int:
    return await sweep_uploads(
        records=stage.records, objects=stage.objects, clock=stage.clock, grace=GRACE, batch=batch
    )


async def begun(stage: Any, number: int = 1, state: State = State.REQUESTED) -> Image:
    """Return an image whose upload in parts is open."""
    key = keys.incoming_of(new_image(number))
    return await stage.image_in(state, number, multipart_id=await stage.objects.multipart.begin(key, content_type=""))


async def opened(stage: Any) -> set[str]:
    return {upload.multipart_id async for upload in stage.objects.multipart.uploads("")}


async def test_an_upload_without_a_record_is_given_up_once_it_is_old_enough(stage: Any):
    await stage.objects.multipart.begin(keys.incoming_of(new_image(7)), content_type="")

    at_once = await sweep(stage)
    stage.clock.advance(GRACE + timedelta(seconds=1))
    later = await sweep(stage)

    assert (at_once, later) == (0, 1)
    assert await opened(stage) == set()


async def test_an_upload_that_its_record_waits_for_stays(stage: Any):
    image = await begun(stage)
    stage.clock.advance(GRACE * 10)

    assert await sweep(stage, batch=1) == 0
    assert await opened(stage) == {image.multipart_id}


@pytest.mark.parametrize("state", sorted(set(State) - {State.REQUESTED}))
async def test_an_upload_that_its_record_does_not_wait_for_is_given_up(stage: Any, state: State):
    await begun(stage, state=state)
    stage.clock.advance(GRACE * 2)

    assert await sweep(stage) == 1


async def test_an_upload_that_another_took_the_place_of_is_given_up(stage: Any):
    image = await begun(stage)
    another = await stage.objects.multipart.begin(keys.incoming_of(image), content_type="")
    stage.clock.advance(GRACE * 2)

    assert await sweep(stage) == 1
    assert another not in await opened(stage)


async def test_one_that_cannot_be_given_up_does_not_keep_the_others(stage: Any, monkeypatch: pytest.MonkeyPatch):
    images = [await begun(stage, number, State.DELETED) for number in (1, 2, 3)]
    stage.clock.advance(GRACE * 2)
    abort = stage.objects.multipart.abort

    async def abort_but_one(key: str, multipart_id: str) -> None:
        if multipart_id == images[1].multipart_id:
            raise StorageFailed(reason="no answer")
        await abort(key, multipart_id)

    monkeypatch.setattr(stage.objects.multipart, "abort", abort_but_one)

    with pytest.raises(StorageFailed):
        await sweep(stage)

    assert await opened(stage) == {images[1].multipart_id}


async def test_a_store_without_parts_has_nothing_to_give_up(stage: Any):
    stage.objects.multipart = None

    assert await sweep(stage) == 0
