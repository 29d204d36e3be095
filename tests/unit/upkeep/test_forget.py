"""What was purged long ago is forgotten, and so is what was done long ago."""

from datetime import timedelta
from typing import Any

import pytest

from safelight.domain.answer import Question
from safelight.domain.errors import ImageNotFound
from safelight.domain.events import Delivery
from safelight.domain.image import Image, State
from safelight.domain.jobs import DeliveryId
from safelight.upkeep.forget import forget_records

MONTH, YEAR = timedelta(days=30), timedelta(days=365)
A_MOMENT = timedelta(seconds=1)


async def forget(stage: Any, *, batch: int = 10) -> int:
    return await forget_records(
        records=stage.records, clock=stage.clock, record_retention=MONTH, audit_retention=YEAR, batch=batch
    )


async def purged(stage: Any, number: int = 1) -> Image:
    image: Image = await stage.image_in(State.DELETED, number)
    async with stage.records.transaction() as tx:
        await tx.note_purged(image.id, at=stage.clock.now())
    return image


async def deliver(stage: Any, image: Image, *, settled: bool) -> None:
    now = stage.clock.now()
    owed = Delivery.owed(DeliveryId("d" * 32), image.id, State.DELETED, at=now)
    async with stage.records.transaction() as tx:
        await tx.add_delivery(owed)
        if settled:
            await tx.note_delivery(owed.id, attempts=1, next_attempt_at=now, settled_at=now, last_error=None)


async def test_the_record_of_a_purged_image_goes_when_its_time_is_over(stage: Any):
    image = await purged(stage)
    await deliver(stage, image, settled=True)
    stage.clock.advance(MONTH)

    before = await forget(stage)
    stage.clock.advance(A_MOMENT)
    after = await forget(stage)

    assert (before, after) == (0, 1)
    with pytest.raises(ImageNotFound):
        await stage.stored(image.id)


async def test_while_the_application_is_owed_the_news_the_record_stays(stage: Any):
    image = await purged(stage)
    await deliver(stage, image, settled=False)
    stage.clock.advance(YEAR)

    assert await forget(stage) == 0
    assert (await stage.stored(image.id)).id == image.id


@pytest.mark.parametrize("state", sorted(State))
async def test_an_image_that_was_not_purged_stays(stage: Any, state: State):
    image = await stage.image_in(state)
    stage.clock.advance(10 * YEAR)

    assert await forget(stage) == 0
    assert await stage.stored(image.id) == image


async def test_all_goes_however_much_it_is(stage: Any):
    for number in range(5):
        await purged(stage, number)
    stage.clock.advance(MONTH + A_MOMENT)

    assert await forget(stage, batch=2) == 5


async def test_the_audit_log_is_kept_for_its_own_time(stage: Any):
    image = await stage.image_in(State.READY)
    async with stage.records.transaction() as tx:
        for _ in range(3):
            await tx.audit(stage.origin.event("image.ready", at=stage.clock.now(), image_id=image.id))
    stage.clock.advance(YEAR)

    await forget(stage, batch=2)
    kept = await stage.actions(image.id)
    stage.clock.advance(A_MOMENT)
    await forget(stage, batch=2)

    assert len(kept) == 3
    assert await stage.actions(image.id) == []


async def test_answers_that_have_ended_are_forgotten(stage: Any):
    question = Question("user:42", "key-1", "d" * 64)
    now = stage.clock.now()
    async with stage.records.transaction() as tx:
        await tx.answers.claim(question, now=now, until=now + A_MOMENT, expires_at=now + MONTH)
        await tx.answers.keep(question, claimed_until=now + A_MOMENT, sealed=b"sealed")

    stage.clock.advance(MONTH + A_MOMENT)
    await forget(stage)

    async with stage.records.transaction() as tx:
        assert await tx.answers.forget(stage.clock.now(), limit=10) == 0
