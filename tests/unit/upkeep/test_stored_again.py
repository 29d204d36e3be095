"""Whoever is killed, and whoever is at it at the same moment: what is noted is there, and what is there is noted."""

from functools import partial
from itertools import count

import pytest

from one_process import kill, runs
from safelight.domain.errors import StorageFailed
from safelight.domain.keys import Key
from safelight.upkeep.sides import AT_MOST, clear_image
from storing import DEEDS, THUMB, ZOOM, Deed, World, an_image, delete, key_of, lazily, noted_and_there, settle, sweep

MANY = 3
"""Steps that each deed has at least."""


@pytest.mark.parametrize("deed", DEEDS)
async def test_wherever_one_is_killed_what_is_noted_is_there_and_in_the_end_nothing_else(world: World, deed: Deed):
    for number in count(1):
        image = await an_image(world, number)
        killed = await runs(world, deed, image, number, kill)
        noted, there = await noted_and_there(world, image)
        await settle(world, image)

        assert noted <= there
        assert await noted_and_there(world, image) == (noted, noted)
        assert await lazily(world, image) == (0 if any("/zoom-" in key for key in noted) else 1)
        if not killed:
            break

    assert number > MANY


@pytest.mark.parametrize("other", DEEDS)
@pytest.mark.parametrize("deed", DEEDS)
async def test_whatever_another_does_meanwhile_what_is_noted_is_there_and_in_the_end_nothing_else(
    world: World, deed: Deed, other: Deed
):
    for number in count(1):
        image = await an_image(world, number)
        met = await runs(world, deed, image, number, partial(other, world, image))
        noted, there = await noted_and_there(world, image)
        await settle(world, image)

        assert noted <= there
        assert await noted_and_there(world, image) == (noted, noted)
        if not met:
            break

    assert number > MANY


@pytest.mark.parametrize("deed", DEEDS)
async def test_an_image_that_is_deleted_meanwhile_keeps_nothing(world: World, deed: Deed):
    for number in count(1):
        image = await an_image(world, number)
        met = await runs(world, deed, image, number, partial(delete, world, image))
        await settle(world, image)

        if not met:
            break
        assert await noted_and_there(world, image) == (set(), set())

    assert number > MANY


async def test_nobody_stores_again_what_a_removal_that_failed_may_still_remove(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    """The connection broke, and the store had got the request: it does it half a minute later."""
    image, late = await an_image(world), list[Key]()
    await world.objects.delete(key_of(THUMB, image))

    async def broken(key: Key) -> None:
        late.append(key)
        raise StorageFailed("the connection broke")

    with monkeypatch.context() as patch:
        patch.setattr(world.objects, "delete", broken)
        with pytest.raises(StorageFailed):
            await sweep(world, image)
    world.clock.advance(AT_MOST / 2)
    at_once = await lazily(world, image)
    for key in late:
        await world.objects.delete(key)
    world.clock.advance(AT_MOST / 2)
    await clear_image(image.id, records=world.records, objects=world.objects, clock=world.clock)
    later = await lazily(world, image)

    assert late == [key_of(ZOOM, image)]
    assert (at_once, later) == (0, 1)
    noted, there = await noted_and_there(world, image)
    assert noted == there
