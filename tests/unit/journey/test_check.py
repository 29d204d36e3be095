"""Step 5: the answer comes at once, with the news, or when the wait is over."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from safelight.adapters.signals.local import LocalSignals
from safelight.domain.errors import ImageNotFound
from safelight.domain.image import FINAL, Image, ImageId, State
from safelight.journey.check import Standing, check_image, follow_image
from safelight.testing.samples import VERIFIED, rendition

LONG = timedelta(minutes=10)
NO_TIME = timedelta(0)


async def check(stage: Any, image_id: ImageId, at_most: timedelta = NO_TIME, seen: int | None = None) -> Standing:
    return await check_image(
        image_id, records=stage.records, signals=stage.signals, clock=stage.clock, at_most=at_most, seen=seen
    )


async def move(stage: Any, image: Image, now: State) -> Image:
    async with stage.records.transaction() as tx:
        moved = await tx.move(image.id, was=image.state, now=now)
    await stage.signals.changed(image.id)
    return moved


async def a_waiter(stage: Any) -> None:
    """Return when somebody waits for a signal."""
    while not len(stage.signals):  # noqa: ASYNC110 - waiters come unannounced
        await asyncio.sleep(0)


async def test_without_a_wait_the_answer_comes_at_once(stage: Any):
    image = await stage.image_in(State.PROCESSING)
    async with stage.records.transaction() as tx:
        await tx.note_verified(image.id, attempt=1, verified=VERIFIED, look=None)
        await tx.add_rendition(rendition(image.id), attempt=1)

    standing = await check(stage, image.id)

    assert standing.image.state is State.PROCESSING
    assert list(standing.renditions) == [rendition(image.id)]
    assert not standing.is_final


async def test_an_image_that_is_not_there_is_not_found(stage: Any):
    with pytest.raises(ImageNotFound):
        await check(stage, ImageId("f" * 32))


@pytest.mark.parametrize("state", sorted({*FINAL, State.HELD}))
async def test_nobody_waits_for_an_image_that_changes_no_more_by_itself(stage: Any, state: State):
    stage.signals = LocalSignals()
    image = await stage.image_in(state)

    standing = await check(stage, image.id, LONG)

    assert standing.is_final


async def test_a_wait_without_news_ends_with_its_time(stage: Any):
    stage.signals = LocalSignals()
    image = await stage.image_in(State.UPLOADED)

    class Ticking:
        def now(self) -> Any:
            return stage.clock.advance(timedelta(milliseconds=20))

    standing = await check_image(
        image.id,
        records=stage.records,
        signals=stage.signals,
        clock=Ticking(),
        at_most=timedelta(milliseconds=30),
        seen=image.revision,
    )

    assert standing.image == image


async def test_a_wait_for_news_ends_with_the_first_change(stage: Any):
    stage.signals = LocalSignals()
    image = await stage.image_in(State.REQUESTED)
    waiting = asyncio.create_task(check(stage, image.id, LONG, image.revision))
    await a_waiter(stage)

    await move(stage, image, State.UPLOADED)

    assert (await waiting).image.state is State.UPLOADED


async def test_a_wait_for_the_end_goes_on_over_changes(stage: Any):
    stage.signals = LocalSignals()
    image = await stage.image_in(State.REQUESTED)
    waiting = asyncio.create_task(check(stage, image.id, LONG))
    await a_waiter(stage)

    for state in (State.UPLOADED, State.PROCESSING, State.FAILED):
        image = await move(stage, image, state)

    assert (await waiting).image.state is State.FAILED


async def test_news_that_came_before_the_wait_ends_it_at_once(stage: Any):
    stage.signals = LocalSignals()
    image = await stage.image_in(State.UPLOADED)

    standing = await check(stage, image.id, LONG, image.revision - 1)

    assert standing.image == image


async def test_whoever_follows_sees_every_change_and_the_end(stage: Any):
    stage.signals = LocalSignals()
    image = await stage.image_in(State.REQUESTED)
    following = follow_image(image.id, records=stage.records, signals=stage.signals, at_least_every=LONG)

    first = await anext(following)
    image = await move(stage, image, State.UPLOADED)
    second = await anext(following)
    await move(stage, image, State.DELETED)
    rest = [standing async for standing in following]

    states = [standing and standing.image.state for standing in (first, second, *rest)]
    assert states == [State.REQUESTED, State.UPLOADED, State.DELETED]
    assert len(stage.signals) == 0


async def test_whoever_follows_hears_that_nothing_happened(stage: Any):
    image = await stage.image_in(State.UPLOADED)
    following = follow_image(image.id, records=stage.records, signals=stage.signals, at_least_every=LONG)

    heard = [await anext(following) for _ in range(3)]
    await following.aclose()

    assert [standing is None for standing in heard] == [False, True, True]
