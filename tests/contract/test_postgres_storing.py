"""Whoever stores and removes at once, over many connections: what is noted is there, and in the end nothing else."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from safelight.adapters.records.outbox import after_commit
from safelight.adapters.records.postgres import open_postgres_records
from safelight.domain.errors import ImageBusy, WrongState
from safelight.domain.image import Image
from safelight.testing.fakes import RecordingJobs
from storing import DEEDS, Deed, World, an_image, noted_and_there, settle

DEEDS_DONE = 250
AT_ONCE = 8
IMAGES = 3
SEED = 5


@pytest.fixture
async def world(postgres_url: str) -> AsyncIterator[World]:
    async with open_postgres_records(postgres_url, after_commit(RecordingJobs()), connections=2 * AT_ONCE) as records:
        yield World(records)


async def retire(world: World, image: Image) -> None:
    """Show one rendition no more. The next sweep forgets it."""
    async with world.records.transaction() as tx:
        await tx.retire_renditions(image.id, (await tx.renditions(image.id))[:1], at=image.created_at)


async def test_by_chance(world: World):
    images = [await an_image(world, number) for number in range(1, IMAGES + 1)]
    chance = random.Random(SEED)
    places = asyncio.Semaphore(AT_ONCE)

    async def takes_its_time(*_: object) -> None:
        for _round_trip in range(chance.randrange(3)):
            await world.stored(images[0])

    async def do(deed: Deed, image: Image) -> None:
        async with places:
            with suppress(ImageBusy, WrongState):
                await deed(world, image)

    world.objects.before = takes_its_time
    deeds = chance.choices([*DEEDS, retire], k=DEEDS_DONE)
    async with asyncio.TaskGroup() as tasks:
        for deed in deeds:
            tasks.create_task(do(deed, chance.choice(images)))

    for image in images:
        noted, there = await noted_and_there(world, image)
        await settle(world, image)
        assert noted <= there
        assert await noted_and_there(world, image) == (noted, noted)
