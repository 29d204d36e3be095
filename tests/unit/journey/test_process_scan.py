"""Step 4, where the kind has a scanner: nothing is taken while it is down, nothing decoded that it has not passed."""

import asyncio
import hashlib
from datetime import timedelta
from typing import Any

import pytest

from safelight.domain import keys
from safelight.domain.errors import Reason
from safelight.domain.formats import InputFormat, OutputFormat
from safelight.domain.hooks import ClamAV
from safelight.domain.image import Image, Look, State
from safelight.domain.kind import Kind, Kinds
from safelight.domain.outcome import Broken, Done, Outcome, Spoilt, Waits
from safelight.domain.variant import cover
from safelight.journey.process import Terms, process_image
from safelight.ports.renderer import Inspected, Rendered
from safelight.testing.fakes import ScriptedRenderer, ScriptedScanner

FILE = b"the bytes of a file"
HARMFUL = b"harmful bytes of it"
LEASE = timedelta(minutes=5)
PARTS = (
    Inspected(InputFormat.JPEG, 800, 600, 1, len(FILE), hashlib.sha256(FILE).hexdigest()),
    Look("3OcRJYB4d3h/iIeHeEh3eIhw+j2w", "#7a5b3c"),
    Rendered("thumb", OutputFormat.WEBP, 96, 96, b"a small picture"),
)


@pytest.fixture(autouse=True)
def guarded(stage: Any) -> None:
    """Gives the kind a scanner."""
    stage.kinds = Kinds([Kind("avatar", public=True, scan=ClamAV(), variants={"thumb": cover(96, 96)})])


async def process(
    stage: Any,
    image: Image,
    scanner: ScriptedScanner,
    renderer: Any = None,
    *,
    accept: bool = False,
    lease: timedelta = LEASE,
) -> tuple[Image, Outcome] | None:
    return await process_image(
        image.id,
        kinds=stage.kinds,
        records=stage.records,
        objects=stage.objects,
        scanner=scanner,
        renderer=renderer or ScriptedRenderer(PARTS),
        signals=stage.signals,
        clock=stage.clock,
        terms=Terms(lease, max_attempts=3, accept_unscanned=accept),
    )


async def uploaded(stage: Any, content: bytes = FILE) -> Image:
    image = await stage.image_in(State.UPLOADED)
    stage.upload(image, content=content)
    return image


async def abandoned(stage: Any, times: int) -> Image:
    """Return an image that so many workers took and left."""
    image = await uploaded(stage)
    for _ in range(times):
        async with stage.records.transaction() as tx:
            image = await tx.take(image, now=State.PROCESSING, lease_until=stage.clock.now() + LEASE)
        stage.clock.advance(LEASE)
    return image


async def test_a_clean_file_is_scanned_whole_and_then_rendered(stage: Any):
    image = await uploaded(stage)
    scanner, renderer = ScriptedScanner(), ScriptedRenderer(PARTS)

    _, outcome = await process(stage, image, scanner, renderer)

    assert isinstance(outcome, Done)
    assert outcome.unscanned == ""
    assert (scanner.scanned, renderer.sources) == ([FILE], [FILE])


async def test_an_infected_file_is_never_decoded_and_nothing_of_it_is_stored(stage: Any):
    image = await uploaded(stage, HARMFUL)
    renderer = ScriptedRenderer(PARTS)

    _, outcome = await process(stage, image, ScriptedScanner(), renderer)

    assert outcome == Spoilt(Reason.INFECTED, "'Test.Harmful FOUND'")
    assert (renderer.sources, await stage.keys()) == ([], {keys.incoming_of(image)})


async def test_a_file_that_changed_after_its_scan_is_not_decoded(stage: Any):
    image = await uploaded(stage)

    class Replacing(ScriptedScanner):
        async def scan(self, scan: Any, source: Any) -> None:
            await super().scan(scan, source)
            stage.upload(image, content=HARMFUL)

    renderer = ScriptedRenderer(PARTS)

    _, outcome = await process(stage, image, Replacing(), renderer)

    assert isinstance(outcome, Broken)
    assert (outcome.code, renderer.sources) == ("object_changed", [])


async def test_while_the_scanner_is_down_the_image_is_not_taken(stage: Any):
    image = await uploaded(stage)
    scanner = ScriptedScanner(failing="no connection")

    known, outcome = await process(stage, image, scanner)

    assert (known, outcome) == (image, Waits("scanner_failed", "no connection"))
    assert await stage.stored(image.id) == image
    assert stage.signals.changed_images == []


async def test_an_image_that_waits_for_its_scanner_asks_no_sooner(stage: Any):
    image = await uploaded(stage)
    later = stage.clock.now() + timedelta(seconds=30)
    async with stage.records.transaction() as tx:
        await tx.postpone(image.id, was=State.UPLOADED, until=later)
    scanner = ScriptedScanner()

    early = await process(stage, image, scanner)
    stage.clock.advance(timedelta(seconds=30))
    in_time = await process(stage, image, scanner)

    assert early is None
    assert in_time is not None
    assert isinstance(in_time[1], Done)
    assert scanner.seen == 1


async def test_a_scanner_that_breaks_down_midway_leaves_nothing_decoded(stage: Any):
    image = await uploaded(stage)
    renderer = ScriptedRenderer(PARTS)

    taken, outcome = await process(stage, image, ScriptedScanner(failing_midway="it hung up"), renderer)

    assert (taken.attempt, outcome) == (1, Waits("scanner_failed", "it hung up"))
    assert renderer.sources == []


async def test_a_scan_that_outlasts_the_lease_is_the_scanners_fault(stage: Any):
    image = await uploaded(stage)

    class Stuck(ScriptedScanner):
        async def scan(self, _scan: Any, _source: Any) -> None:
            await asyncio.Event().wait()

    _, outcome = await process(stage, image, Stuck(), lease=timedelta(milliseconds=50))

    assert isinstance(outcome, Waits)


async def test_an_image_whose_worker_was_lost_waits_for_the_scanner_like_any_other(stage: Any):
    image = await abandoned(stage, times=1)

    taken, outcome = await process(stage, image, ScriptedScanner(failing="no connection"))

    assert (taken.state, taken.attempt) == (State.PROCESSING, 2)
    assert outcome == Waits("scanner_failed", "no connection")


async def test_an_image_that_ended_every_worker_is_not_scanned_again(stage: Any):
    """A function of the kinds file runs in the worker, and may be what ends it."""
    image = await abandoned(stage, times=3)
    scanner = ScriptedScanner()

    _, outcome = await process(stage, image, scanner)

    assert isinstance(outcome, Broken)
    assert (outcome.code, scanner.scanned) == ("worker_lost", [])


@pytest.mark.parametrize("scanner", [ScriptedScanner(failing="down"), ScriptedScanner(failing_midway="down")], ids=repr)
async def test_by_setting_a_file_goes_on_unscanned_and_that_is_said(stage: Any, scanner: ScriptedScanner):
    image = await uploaded(stage)

    _, outcome = await process(stage, image, scanner, accept=True)

    assert isinstance(outcome, Done)
    assert outcome.unscanned == "down"


async def test_what_is_found_rejects_a_file_whatever_the_setting_says(stage: Any):
    image = await uploaded(stage, HARMFUL)

    _, outcome = await process(stage, image, ScriptedScanner(), accept=True)

    assert outcome == Spoilt(Reason.INFECTED, "'Test.Harmful FOUND'")


async def test_a_kind_without_a_scanner_asks_for_none(stage: Any):
    stage.kinds = Kinds([Kind("avatar", public=True, variants={"thumb": cover(96, 96)})])
    image = await uploaded(stage, HARMFUL)
    scanner = ScriptedScanner(failing="no connection")

    _, outcome = await process(stage, image, scanner)

    assert isinstance(outcome, Done)
    assert (outcome.unscanned, scanner.seen, scanner.scanned) == ("", 0, [])
