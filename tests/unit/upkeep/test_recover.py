"""Recovering: a process that was killed leaves no image behind."""

from datetime import timedelta
from functools import partial
from typing import Any

from safelight.domain.answer import Question
from safelight.domain.events import WebhookEvent
from safelight.domain.image import Image, ImageId, State
from safelight.domain.jobs import ProcessImage
from safelight.upkeep.recover import recover_image, recover_images, release_claims

HOUR = timedelta(hours=1)


async def recover_one(stage: Any, image_id: ImageId) -> State | None:
    return await recover_image(
        image_id,
        records=stage.records,
        signals=stage.signals,
        clock=stage.clock,
        ids=stage.ids,
        retries=stage.retries,
        told=True,
    )


async def recover(stage: Any, *, limit: int = 10) -> int:
    return await recover_images(partial(recover_one, stage), records=stage.records, limit=limit)


async def taken(stage: Any, number: int, times: int = 1) -> Image:
    image = await stage.image_in(State.UPLOADED, number)
    for _ in range(times):
        async with stage.records.transaction() as tx:
            image = await tx.take(image, now=State.PROCESSING, lease_until=stage.clock.now() + timedelta(minutes=5))
    return image


async def test_every_image_that_was_worked_on_is_tried_again_after_a_wait(stage: Any):
    images = [await taken(stage, number) for number in range(5)]

    recovered = await recover(stage, limit=2)

    again = stage.clock.now() + timedelta(seconds=2)
    assert recovered == 5
    assert {(await stage.stored(image.id)).state for image in images} == {State.UPLOADED}
    assert sorted(stage.jobs.queued, key=str) == [(ProcessImage(image.id), again) for image in images]


async def test_an_image_that_ended_its_process_time_and_again_has_failed(stage: Any):
    image = await taken(stage, 1, times=3)

    await recover(stage)

    stored = await stage.stored(image.id)
    (owed,) = await stage.owed()
    assert stored.state is State.FAILED
    assert stored.ending.code == "worker_lost"
    assert owed.event is WebhookEvent.FAILED


async def test_no_other_image_is_touched(stage: Any):
    others = [
        await stage.image_in(state, number) for number, state in enumerate(sorted(set(State) - {State.PROCESSING}))
    ]

    recovered = await recover(stage)

    assert recovered == 0
    assert [await stage.stored(image.id) for image in others] == others


async def test_calls_that_a_killed_process_was_answering_may_be_made_again(stage: Any):
    question = Question("user:42", "key-1", "d" * 64)
    times = {"now": stage.clock.now(), "until": stage.clock.now() + HOUR, "expires_at": stage.clock.now() + HOUR}
    async with stage.records.transaction() as tx:
        await tx.answers.claim(question, **times)

    released = await release_claims(stage.records)

    async with stage.records.transaction() as tx:
        assert await tx.answers.claim(question, **times) is None
    assert released == 1


async def test_an_image_whose_worker_was_lost_is_tried_again_after_a_wait(stage: Any):
    image, other = await taken(stage, 1), await taken(stage, 2)

    state = await recover_one(stage, image.id)

    assert state is (await stage.stored(image.id)).state is State.UPLOADED
    assert stage.jobs.queued == [(ProcessImage(image.id), stage.clock.now() + timedelta(seconds=2))]
    assert (await stage.stored(other.id)).state is State.PROCESSING


async def test_an_image_that_no_worker_has_is_not_recovered(stage: Any):
    image = await stage.image_in(State.UPLOADED)

    assert await recover_one(stage, image.id) is None
    assert await stage.stored(image.id) == image
