"""A worker may be killed, or lose its image, between any two steps: what is noted is there, and nothing else stays."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial
from itertools import count

import pytest

from one_process import kill, runs
from safelight.adapters.metrics import PrometheusMetrics
from safelight.domain import keys
from safelight.domain.image import Image, State
from safelight.domain.jobs import ProcessImage
from safelight.domain.kind import Kinds
from safelight.domain.retry import Backoff
from safelight.domain.urls import Links
from safelight.journey.announce import Persistence
from safelight.journey.finalize import Retries
from safelight.testing.contracts.records import image_in
from safelight.testing.fakes import CountingIds, ScriptedScanner
from safelight.worker.handlers import Handlers, WorkerParts
from storing import GRACE, KIND, ORIGINAL, PromptRenderer, World, delete, noted_and_there, settle, sweep

LEASE = timedelta(minutes=5)
BACKOFF = Backoff(timedelta(seconds=1), timedelta(minutes=1), lambda: 1.0)
MANY = 8
"""Steps that processing has at least."""


async def process(world: World, image: Image) -> None:
    """Do what a worker does with the job."""
    parts = WorkerParts(
        kinds=Kinds([KIND]),
        records=world.records,
        objects=world.objects,
        scanner=ScriptedScanner(),
        renderer=PromptRenderer(),
        notifier=None,
        signals=world.signals,
        links=Links("https://api.example", lambda key: f"https://cdn.example/{key}"),
        clock=world.clock,
        ids=CountingIds(),
        metrics=PrometheusMetrics(),
        lease=LEASE,
        retries=Retries(3, BACKOFF),
        persistence=Persistence(GRACE, BACKOFF, GRACE),
        purge_grace=GRACE,
        accept_unscanned=False,
        chores={},
    )
    await Handlers(parts)(ProcessImage(image.id))


async def take_over(world: World, image: Image) -> None:
    """Let another worker have the image, since the lease is over."""
    world.clock.advance(LEASE)
    await process(world, image)


async def uploaded(world: World, number: int) -> Image:
    """Return an image that waits for a worker."""
    image = await image_in(world.records, State.UPLOADED, number)
    world.objects.keep(keys.incoming_of(image), ORIGINAL)
    return image


async def see_that_it_is_whole(world: World, image: Image) -> None:
    """See that the image is ready, and that of it nothing is missing, and nothing left over."""
    await settle(world, image)
    noted, there = await noted_and_there(world, image)
    assert (await world.stored(image)).state is State.READY
    assert len(noted) == len(KIND.eager)
    assert there == noted
    assert keys.original(image.id) in {stored.key async for stored in world.objects.list(keys.PRIVATE)}


async def test_killed_at_any_step_another_worker_finishes_it(world: World):
    for number in count(1):
        image = await uploaded(world, number)
        killed = await runs(world, process, image, number, kill)
        noted, there = await noted_and_there(world, image)

        await take_over(world, image)

        assert noted <= there
        await see_that_it_is_whole(world, image)
        if not killed:
            break

    assert number > MANY


@pytest.mark.parametrize("other", [take_over, sweep])
async def test_whatever_happens_at_any_step_nothing_is_missing(
    world: World, other: Callable[[World, Image], Awaitable[object]]
):
    for number in count(1):
        image = await uploaded(world, number)
        met = await runs(world, process, image, number, partial(other, world, image))

        await see_that_it_is_whole(world, image)
        if not met:
            break

    assert number > MANY


async def test_deleted_at_any_step_nothing_of_it_stays(world: World):
    for number in count(1):
        image = await uploaded(world, number)
        met = await runs(world, process, image, number, partial(delete, world, image))
        await settle(world, image)

        if not met:
            break
        assert not [stored.key async for stored in world.objects.list("") if keys.image_of(stored.key) == image.id]

    assert number > MANY
