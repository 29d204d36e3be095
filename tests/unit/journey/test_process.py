"""Step 4: one worker at a time, every write fenced, and every ending known."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from safelight.domain import keys
from safelight.domain.declaration import Declaration
from safelight.domain.errors import ImageRejected, Reason, RenderingFailed, WrongState
from safelight.domain.formats import InputFormat, OutputFormat
from safelight.domain.image import Checksum, ChecksumAlgorithm, Image, Look, State
from safelight.domain.kind import Kind
from safelight.domain.outcome import Broken, Done, Outcome, Spoilt, Waits
from safelight.domain.variant import fit
from safelight.journey.process import KINDS_OLDER, UPGRADED_WITHIN, Terms, process_image
from safelight.ports.renderer import Inspected, Recipe, Rendered
from safelight.testing.fakes import ScriptedRenderer, ScriptedScanner

FILE = b"the bytes of a file"
LEASE = timedelta(minutes=5)
INSPECTED = Inspected(InputFormat.JPEG, 800, 600, 1, len(FILE), hashlib.sha256(FILE).hexdigest())
LOOK = Look("3OcRJYB4d3h/iIeHeEh3eIhw+j2w", "#7a5b3c")
THUMB = Rendered("thumb", OutputFormat.WEBP, 96, 96, b"a small picture")
PARTS = (INSPECTED, LOOK, THUMB)


async def process(
    stage: Any, image: Image, renderer: Any = None, *, lease: timedelta = LEASE, scanner: Any = None
) -> tuple[Image, Outcome] | None:
    return await process_image(
        image.id,
        kinds=stage.kinds,
        records=stage.records,
        objects=stage.objects,
        scanner=scanner or ScriptedScanner(),
        renderer=renderer or ScriptedRenderer(PARTS),
        signals=stage.signals,
        clock=stage.clock,
        terms=Terms(lease, max_attempts=3),
    )


async def uploaded(stage: Any, number: int = 1, **changes: object) -> Image:
    image = await stage.image_in(State.UPLOADED, number, **changes)
    stage.upload(image)
    return image


async def test_what_is_rendered_is_stored_and_noted_and_the_original_kept(stage: Any):
    image = await uploaded(stage)
    renderer = ScriptedRenderer(PARTS)

    taken, outcome = await process(stage, image, renderer)

    (rendition,) = await stage.renditions(image.id)
    assert outcome == Done(LOOK, original_kept=True, renditions={keys.rendition(rendition, public=True)})
    assert (taken.state, taken.attempt) == (State.PROCESSING, 1)
    assert taken.lease_until == stage.clock.now() + LEASE
    stored = await stage.stored(image.id)
    assert stored.verified
    assert (stored.verified.width, stored.verified.height, stored.verified.renditions_expected) == (800, 600, 4)
    assert await stage.keys() == {
        keys.incoming_of(image),
        keys.original(image.id),
        keys.rendition(rendition, public=True),
    }
    assert (renderer.sources, renderer.recipes) == ([FILE], [Recipe.of(stage.kinds["avatar"])])
    assert stage.signals.changed_images == [image.id] * len(PARTS)


async def test_a_protected_image_has_nothing_under_public_and_keeps_no_original_where_its_kind_says_so(stage: Any):
    image = await uploaded(stage, kind="passport", public=False)

    _, outcome = await process(
        stage, image, ScriptedRenderer((INSPECTED, LOOK, replace(THUMB, variant="page", width=800)))
    )

    kept = await stage.keys() - {keys.incoming_of(image)}
    assert outcome == Done(LOOK, original_kept=False, renditions=kept)
    assert len(kept) == 1
    assert all(key.startswith(f"private/{image.id}/page-") for key in kept)


async def test_an_image_of_a_kind_of_which_a_record_has_one_takes_a_place_when_it_is_ready(stage: Any):
    image = await uploaded(stage, kind="portrait")

    _, outcome = await process(stage, image)

    assert isinstance(outcome, Done)
    assert outcome.one_per_record


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ImageRejected(Reason.TRUNCATED), Spoilt(Reason.TRUNCATED)),
        (
            RenderingFailed(reason="no answer"),
            Broken("rendering_failed", "The sandbox failed: no answer. Run `safelight doctor`."),
        ),
        (OSError(24, "Too many open files"), Broken("internal_error", "OSError")),
        (ZeroDivisionError(), Broken("internal_error", "ZeroDivisionError")),
        (TimeoutError(), Broken("processing_timeout", "processing took longer than 0:05:00")),
    ],
)
async def test_every_error_becomes_an_outcome(stage: Any, error: Exception, expected: Outcome):
    image = await uploaded(stage)

    _, outcome = await process(stage, image, ScriptedRenderer((INSPECTED, error)))

    assert outcome == expected


async def test_bytes_that_are_not_there_are_our_fault(stage: Any):
    image = await stage.image_in(State.UPLOADED)

    _, outcome = await process(stage, image)

    assert isinstance(outcome, Broken)
    assert outcome.code == "object_missing"


async def test_a_store_that_is_down_is_our_fault(stage: Any):
    image = await uploaded(stage)
    stage.objects.broken = True

    _, outcome = await process(stage, image)

    assert isinstance(outcome, Broken)
    assert outcome.code == "storage_failed"


async def test_a_kind_that_is_declared_no_more_is_our_fault(stage: Any):
    image = await uploaded(stage, kind="banner")

    _, outcome = await process(stage, image)

    assert isinstance(outcome, Broken)
    assert outcome.code == "unknown_kind"


async def test_processing_ends_within_the_lease(stage: Any):
    image = await uploaded(stage)

    class Stuck:
        async def render(self, _source: object, _recipe: object) -> AsyncIterator[Any]:
            yield INSPECTED
            await asyncio.Event().wait()

    _, outcome = await process(stage, image, Stuck(), lease=timedelta(milliseconds=50))

    assert isinstance(outcome, Broken)
    assert outcome.code == "processing_timeout"


@pytest.mark.parametrize("state", sorted(set(State) - {State.UPLOADED, State.PROCESSING}))
async def test_there_is_nothing_to_do_in_any_other_state(stage: Any, state: State):
    image = await stage.image_in(state)

    assert await process(stage, image) is None
    assert await stage.stored(image.id) == image


async def test_an_image_that_another_worker_has_is_left_to_it(stage: Any):
    image = await stage.image_in(State.PROCESSING)

    assert await process(stage, image) is None
    assert await stage.stored(image.id) == image


async def test_of_two_workers_at_once_one_gets_the_image(stage: Any):
    image = await uploaded(stage)

    results = await asyncio.gather(process(stage, image), process(stage, image))

    assert sorted(result is None for result in results) == [False, True]
    assert (await stage.stored(image.id)).attempt == 1


async def test_after_the_lease_another_worker_takes_over_and_the_first_writes_no_more(stage: Any):
    image = await uploaded(stage)
    taken_over = asyncio.Event()
    begun = asyncio.Event()

    class Slow:
        async def render(self, _source: object, _recipe: object) -> AsyncIterator[Any]:
            yield INSPECTED
            begun.set()
            await taken_over.wait()
            yield THUMB

    first = asyncio.create_task(process(stage, image, Slow()))
    await begun.wait()
    stage.clock.advance(LEASE)

    taken, outcome = await process(stage, image)
    taken_over.set()

    assert (taken.attempt, type(outcome)) == (2, Done)
    with pytest.raises(WrongState):
        await first


async def test_a_worker_whose_image_was_deleted_writes_no_more(stage: Any):
    image = await uploaded(stage)

    class Deleting:
        async def render(self, _source: object, _recipe: object) -> AsyncIterator[Any]:
            yield INSPECTED
            async with stage.records.transaction() as tx:
                await tx.move(image.id, was=State.PROCESSING, now=State.DELETED)
            yield THUMB

    with pytest.raises(WrongState):
        await process(stage, image, Deleting())

    assert await stage.renditions(image.id) == []


async def test_an_image_that_ended_every_worker_that_took_it_is_not_rendered_again(stage: Any):
    image = await uploaded(stage)
    for _ in range(3):
        async with stage.records.transaction() as tx:
            image = await tx.take(image, now=State.PROCESSING, lease_until=stage.clock.now() + LEASE)
        stage.clock.advance(LEASE)
    renderer = ScriptedRenderer(PARTS)

    taken, outcome = await process(stage, image, renderer)

    assert isinstance(outcome, Broken)
    assert (outcome.code, taken.attempt, renderer.sources) == ("worker_lost", 4, [])


async def test_what_an_older_kinds_file_leaves_out_for_good_waits_for_a_process_with_the_newer_one(stage: Any):
    await stage.outdate(stage.kinds["passport"])  # which keeps no original
    image = await uploaded(stage, kind="passport")

    known, outcome = await process(stage, image)

    assert known == image
    assert isinstance(outcome, Waits)
    assert outcome.code == KINDS_OLDER


async def test_it_waits_no_longer_than_it_takes_to_upgrade_every_host(stage: Any):
    await stage.outdate(stage.kinds["passport"])
    image = await uploaded(stage, kind="passport")
    stage.clock.advance(UPGRADED_WITHIN)

    taken, _ = await process(stage, image)

    assert taken.state is State.PROCESSING


async def test_what_can_be_rendered_again_later_does_not_wait(stage: Any):
    await stage.outdate(stage.kinds["avatar"])
    image = await uploaded(stage)

    _, outcome = await process(stage, image)

    assert isinstance(outcome, Done)
    assert outcome.declaration == Declaration.of(stage.kinds["avatar"])


async def test_an_image_of_a_kind_that_only_a_newer_file_has_waits_and_fails_in_the_end(stage: Any):
    await stage.outdate(Kind("banner", variants={"wide": fit(1600)}))
    image = await uploaded(stage, kind="banner")

    _, at_first = await process(stage, image)
    stage.clock.advance(UPGRADED_WITHIN)
    _, at_last = await process(stage, image)

    assert isinstance(at_first, Waits)
    assert isinstance(at_last, Broken)
    assert at_last.code == "unknown_kind"


class StuckRenderer:
    """ports.renderer.Renderer that never comes to an end; `begun` is set when it was asked."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()

    async def render(self, _source: AsyncIterator[bytes], _recipe: Recipe) -> AsyncIterator[Rendered]:
        self.begun.set()
        await asyncio.Event().wait()
        yield THUMB


async def test_cancelled_it_gives_the_image_back_as_if_nobody_had_tried(stage: Any):
    image = await uploaded(stage)
    renderer = StuckRenderer()
    processing = asyncio.create_task(process(stage, image, renderer))
    await renderer.begun.wait()

    processing.cancel()
    await asyncio.wait([processing])

    stored = await stage.stored(image.id)
    assert processing.cancelled()
    assert (stored.state, stored.attempt, stored.lease_until) == (State.UPLOADED, image.attempt, None)
    assert stage.signals.changed_images[-1] == image.id


async def test_cancelled_at_any_moment_it_leaves_no_image_taken(stage: Any):
    states = set()
    for steps in range(60):
        image = await uploaded(stage, steps + 1)
        processing = asyncio.create_task(process(stage, image, StuckRenderer()))
        for _ in range(steps):
            await asyncio.sleep(0.0005)

        processing.cancel()
        await asyncio.wait([processing])

        states.add((await stage.stored(image.id)).state)

    assert states == {State.UPLOADED}


async def test_cancelled_it_takes_nothing_from_whoever_has_the_image_by_then(stage: Any):
    image = await uploaded(stage)
    renderer = StuckRenderer()
    processing = asyncio.create_task(process(stage, image, renderer))
    await renderer.begun.wait()
    async with stage.records.transaction() as tx:
        await tx.move(image.id, was=State.PROCESSING, now=State.DELETED)

    processing.cancel()
    await asyncio.wait([processing])

    assert (await stage.stored(image.id)).state is State.DELETED


async def test_bytes_that_were_not_promised_are_rejected(stage: Any):
    """A store of others may have taken them in without a look at their checksum."""
    image = await uploaded(stage, checksum=Checksum(ChecksumAlgorithm.CRC32C, "AAAAAA=="))

    _, outcome = await process(stage, image)

    assert outcome == Spoilt(Reason.DAMAGED, "has another crc32c than was promised")
    assert keys.original(image.id) not in await stage.keys()
