"""What the worker does with each job, joined from the steps."""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from structlog.testing import capture_logs

from safelight.adapters.metrics import PrometheusMetrics
from safelight.domain import keys
from safelight.domain.errors import Busy, ImageRejected, Reason, RenderingFailed
from safelight.domain.events import Delivery
from safelight.domain.formats import InputFormat, OutputFormat
from safelight.domain.hooks import ClamAV
from safelight.domain.image import Image, Look, State
from safelight.domain.jobs import (
    Chore,
    ClearSide,
    DeliveryId,
    ProcessImage,
    PurgeImage,
    RenderVariant,
    ReprocessImage,
    SendWebhook,
    Upkeep,
)
from safelight.domain.kind import Kind, Kinds
from safelight.domain.retry import Backoff
from safelight.domain.variant import cover, fit
from safelight.journey.announce import Persistence
from safelight.ports.renderer import Inspected, Rendered
from safelight.testing.fakes import RecordingNotifier, ScriptedRenderer, ScriptedScanner
from safelight.upkeep.visibility import set_visibility
from safelight.worker.handlers import SPOILT_FOR, Handlers, WorkerParts

FILE = b"the bytes of a file"
DAY = timedelta(days=1)
INSPECTED = Inspected(InputFormat.JPEG, 800, 600, 1, len(FILE), "ab" * 32)
THUMB = Rendered("thumb", OutputFormat.WEBP, 96, 96, b"a small picture")
PARTS = (INSPECTED, Look("3OcRJYB4d3h", "#7a5b3c"), THUMB)

Make = Callable[..., Handlers]


@pytest.fixture
def metrics() -> PrometheusMetrics:
    return PrometheusMetrics()


@pytest.fixture
def rounds() -> list[Chore]:
    """The rounds of upkeep that were done."""
    return []


async def _note(rounds: list[Chore], chore: Chore) -> None:
    rounds.append(chore)


@pytest.fixture
def make_handlers(stage: Any, metrics: PrometheusMetrics, rounds: list[Chore]) -> Make:
    """Makes handlers over the stage."""

    def make(renderer: Any, notifier: RecordingNotifier | None = None, scanner: Any = None) -> Handlers:
        return Handlers(
            WorkerParts(
                kinds=stage.kinds,
                records=stage.records,
                objects=stage.objects,
                scanner=scanner or ScriptedScanner(),
                renderer=renderer,
                notifier=notifier,
                signals=stage.signals,
                links=stage.links,
                clock=stage.clock,
                ids=stage.ids,
                metrics=metrics,
                lease=timedelta(minutes=5),
                retries=stage.retries,
                persistence=Persistence(DAY, Backoff(timedelta(seconds=5), DAY, lambda: 1.0), DAY),
                purge_grace=timedelta(hours=1),
                accept_unscanned=False,
                chores={chore: partial(_note, rounds, chore) for chore in Chore},
            )
        )

    return make


def scanned(kind: Kind) -> Kind:
    """Return the kind with a scanner."""
    return Kind(kind.name, public=kind.public, scan=ClamAV(), variants=kind.variants)


async def test_an_uploaded_image_becomes_ready_and_the_application_hears_of_it(stage: Any, make_handlers: Make):
    image = await stage.image_in(State.UPLOADED)
    stage.upload(image)
    notifier = RecordingNotifier()
    await stage.jobs.enqueue(ProcessImage(image.id))

    await stage.jobs.run(make_handlers(ScriptedRenderer(PARTS), notifier), concurrency=1)

    assert (await stage.stored(image.id)).state is State.READY
    ((_, body, _),) = notifier.sent
    assert b'"image.ready"' in body


async def test_a_file_that_is_no_image_is_rejected_and_its_bytes_go(stage: Any, make_handlers: Make):
    image = await stage.image_in(State.UPLOADED)
    stage.upload(image)
    await stage.jobs.enqueue(ProcessImage(image.id))
    handlers = make_handlers(ScriptedRenderer([ImageRejected(Reason.NOT_AN_IMAGE)]))
    stage.clock.advance(DAY)

    await stage.jobs.run(handlers, concurrency=1)

    stored = await stage.stored(image.id)
    assert (stored.state, stored.ending.code) == (State.REJECTED, "not_an_image")
    assert await stage.keys() == set()


async def asked_for(handlers: Handlers, image: Image, times: int = 3) -> None:
    """Let readers ask for a lazy variant so often."""
    for _ in range(times):
        await handlers(RenderVariant(image.id, "zoom"))


@pytest.fixture
async def zoomable(stage: Any) -> Image:
    """An image with a lazy variant."""
    zoom = fit(700, formats="webp", lazy=True)
    stage.kinds = Kinds([Kind("avatar", public=True, variants={"thumb": cover(96, 96), "zoom": zoom})])
    image: Image = await stage.image_in(State.READY)
    stage.objects.keep(keys.original(image.id), FILE)
    return image


async def test_a_lazy_variant_that_the_file_spoils_is_not_tried_for_every_reader(
    stage: Any, make_handlers: Make, zoomable: Image
):
    """Else whoever asks again and again keeps the worker from all that was uploaded."""
    renderer = ScriptedRenderer([ImageRejected(Reason.UNPROCESSABLE)])
    handlers = make_handlers(renderer)

    await asked_for(handlers, zoomable)
    stage.clock.advance(SPOILT_FOR)
    await asked_for(handlers, zoomable)

    assert len(renderer.recipes) == 2


async def test_a_lazy_variant_that_we_spoilt_is_tried_again(make_handlers: Make, zoomable: Image):
    renderer = ScriptedRenderer([RenderingFailed(reason="no answer")])

    await asked_for(make_handlers(renderer), zoomable)

    assert len(renderer.recipes) == 3


async def test_our_own_fault_is_tried_until_the_image_has_failed(stage: Any, make_handlers: Make):
    image = await stage.image_in(State.UPLOADED)
    stage.upload(image)
    await stage.jobs.enqueue(ProcessImage(image.id))
    handlers = make_handlers(ScriptedRenderer([RenderingFailed(reason="no answer")]))

    await stage.jobs.run(handlers, concurrency=1)

    stored = await stage.stored(image.id)
    assert (stored.state, stored.attempt) == (State.FAILED, stage.retries.max_attempts)


async def test_what_is_stored_after_the_image_was_deleted_is_purged_again(stage: Any, make_handlers: Make):
    """The purge may be through before the worker has stored its last rendition."""
    image = await stage.image_in(State.UPLOADED)
    stage.upload(image)

    class Deleting:
        async def render(self, _source: object, _recipe: object) -> AsyncIterator[Any]:
            yield INSPECTED
            async with stage.records.transaction() as tx:
                await tx.move(image.id, was=State.PROCESSING, now=State.DELETED)
            await make_handlers(ScriptedRenderer([]))(PurgeImage(image.id))
            yield THUMB

    await make_handlers(Deleting())(ProcessImage(image.id))

    assert await stage.keys() == set()
    assert (await stage.stored(image.id)).state is State.DELETED


async def test_a_worker_that_lost_its_image_to_another_leaves_that_ones_bytes(stage: Any, make_handlers: Make):
    image = await stage.image_in(State.UPLOADED)
    stage.upload(image)

    class Losing:
        async def render(self, _source: object, _recipe: object) -> AsyncIterator[Any]:
            yield INSPECTED
            stage.clock.advance(timedelta(minutes=5))
            await make_handlers(ScriptedRenderer(PARTS))(ProcessImage(image.id))
            yield THUMB

    await make_handlers(Losing())(ProcessImage(image.id))

    (noted,) = await stage.renditions(image.id)
    assert (await stage.stored(image.id)).state is State.READY
    assert any(noted.fingerprint in key for key in await stage.keys())


async def test_what_a_worker_stores_late_is_removed_where_the_image_has_changed_sides(stage: Any, make_handlers: Make):
    """It was frozen: meanwhile another had the image, and its owner made it protected."""
    image = await stage.image_in(State.UPLOADED, public=True)
    stage.upload(image)

    class Frozen:
        async def render(self, _source: object, _recipe: object) -> AsyncIterator[Any]:
            yield INSPECTED
            stage.clock.advance(timedelta(minutes=5))
            await make_handlers(ScriptedRenderer(PARTS))(ProcessImage(image.id))
            await set_visibility(
                await stage.stored(image.id),
                stage.origin,
                public=False,
                records=stage.records,
                objects=stage.objects,
                signals=stage.signals,
                clock=stage.clock,
            )
            yield THUMB

    await make_handlers(Frozen())(ProcessImage(image.id))
    await make_handlers(ScriptedRenderer(PARTS))(ClearSide(image.id))

    assert not any(key.startswith(keys.PUBLIC) for key in await stage.keys())
    assert ClearSide(image.id) in stage.queued()


async def test_an_outage_of_the_scanner_however_long_fails_no_image(
    stage: Any, make_handlers: Make, metrics: PrometheusMetrics
):
    """More askings than attempts, half of them before the image is taken and half in the middle of its scan."""
    stage.kinds = Kinds([scanned(stage.kinds["avatar"])])
    image = await stage.image_in(State.UPLOADED)
    stage.upload(image)
    scanner = ScriptedScanner()
    handlers = make_handlers(ScriptedRenderer(PARTS), scanner=scanner)

    with capture_logs() as logs:
        for number in range(4 * stage.retries.max_attempts):
            scanner.failing, scanner.failing_midway = (None, "it hung up") if number % 2 else ("no connection", None)
            await handlers(ProcessImage(image.id))
            stage.clock.advance(DAY)
    waiting = await stage.stored(image.id)
    scanner.failing_midway = None
    await handlers(ProcessImage(image.id))

    assert (waiting.state, waiting.attempt) == (State.UPLOADED, 0)
    ready = await stage.stored(image.id)
    assert (ready.state, ready.attempt) == (State.READY, 1)
    assert {line["event"] for line in logs} == {"image_waits_for_scanner"}
    assert b'safelight_steps_total{outcome="scanner_failed",step="process"} 12.0' in metrics.exposition()


async def test_no_image_fails_however_often_the_database_is_too_busy_for_its_worker(stage: Any, make_handlers: Make):
    image = await stage.image_in(State.UPLOADED)
    stage.upload(image)
    handlers = make_handlers(ScriptedRenderer([INSPECTED, Busy()]))

    with capture_logs() as logs:
        for _ in range(2 * stage.retries.max_attempts):
            await handlers(ProcessImage(image.id))
            stage.clock.advance(DAY)

    waiting = await stage.stored(image.id)
    assert (waiting.state, waiting.attempt) == (State.UPLOADED, 0)
    assert {line["event"] for line in logs} == {"image_waits_for_database"}


async def test_what_the_scanner_found_is_said_to_the_operator_and_not_to_the_user(stage: Any, make_handlers: Make):
    stage.kinds = Kinds([scanned(stage.kinds["avatar"])])
    image = await stage.image_in(State.UPLOADED)
    stage.upload(image, content=b"a harmful file")
    notifier = RecordingNotifier()
    handlers = make_handlers(ScriptedRenderer(PARTS), notifier)
    await stage.jobs.enqueue(ProcessImage(image.id))
    stage.clock.advance(DAY)

    with capture_logs() as logs:
        await stage.jobs.run(handlers, concurrency=1)

    (line,) = [line for line in logs if line["event"] == "image_rejected"]
    ((_, body, _),) = notifier.sent
    assert (line["reason"], line["detail"]) == ("infected", "'Test.Harmful FOUND'")
    assert b"infected" in body
    assert b"Test.Harmful" not in body


@pytest.mark.parametrize("state", [State.READY, State.DELETED])
async def test_reprocessing_that_cannot_be_ends_quietly(stage: Any, make_handlers: Make, state: State):
    image = await stage.image_in(state)

    await make_handlers(ScriptedRenderer([]))(ReprocessImage(image.id))

    assert (await stage.stored(image.id)).state is state


async def test_without_a_notifier_a_webhook_that_is_still_owed_is_given_up(stage: Any, make_handlers: Make):
    image = await stage.image_in(State.UPLOADED)
    stage.upload(image)
    await make_handlers(ScriptedRenderer(PARTS), RecordingNotifier())(ProcessImage(image.id))
    (owed,) = await stage.owed()

    with capture_logs() as logs:
        await make_handlers(ScriptedRenderer([]))(SendWebhook(owed.id))
        await make_handlers(ScriptedRenderer([]))(SendWebhook(owed.id))

    assert await stage.owed() == []
    assert [(line["event"], line["reason"]) for line in logs] == [("webhook_given_up", "no webhook URL is set")]


async def test_what_nobody_foresaw_is_logged_whole_and_tried_again(stage: Any, make_handlers: Make):
    image = await stage.image_in(State.UPLOADED)
    stage.upload(image)
    fault = OSError(24, "Too many open files")

    with capture_logs() as logs:
        await make_handlers(ScriptedRenderer([INSPECTED, fault]))(ProcessImage(image.id))

    stored = await stage.stored(image.id)
    assert (stored.state, stored.next_attempt_at is None) == (State.UPLOADED, False)
    assert [(line["event"], line["log_level"], line["code"], line["exc_info"]) for line in logs] == [
        ("image_not_processed", "warning", "internal_error", fault)
    ]


@pytest.mark.parametrize(
    ("script", "outcome", "line"),
    [
        (PARTS, "ok", {"event": "image_processed", "state": "ready", "log_level": "info"}),
        (
            [ImageRejected(Reason.TRUNCATED)],
            "truncated",
            {"event": "image_rejected", "state": "rejected", "reason": "truncated", "log_level": "info"},
        ),
        (
            [RenderingFailed(reason="no answer")],
            "rendering_failed",
            {
                "event": "image_not_processed",
                "state": "uploaded",
                "code": "rendering_failed",
                "detail": "The sandbox failed: no answer. Run `safelight doctor`.",
                "exc_info": None,
                "log_level": "warning",
            },
        ),
    ],
)
async def test_log_and_metrics_say_how_it_went_in_plain_words(
    *, stage: Any, make_handlers: Make, metrics: PrometheusMetrics, script: Any, outcome: str, line: dict[str, object]
):
    image = await stage.image_in(State.UPLOADED)
    stage.upload(image)

    with capture_logs() as logs:
        await make_handlers(ScriptedRenderer(script))(ProcessImage(image.id))

    common = {"image_id": image.id, "kind": "avatar", "attempt": 1, "bytes": len(FILE), "milliseconds": 0}
    assert logs == [common | line]
    assert f'safelight_steps_total{{outcome="{outcome}",step="process"}} 1.0' in metrics.exposition().decode()


async def test_metrics_tell_a_job_that_had_nothing_to_do(stage: Any, make_handlers: Make, metrics: PrometheusMetrics):
    image = await stage.image_in(State.READY)

    await make_handlers(ScriptedRenderer([]))(ProcessImage(image.id))

    assert 'safelight_steps_total{outcome="nothing_to_do",step="process"} 1.0' in metrics.exposition().decode()


async def test_a_webhook_is_logged_as_sent_only_when_it_arrived(stage: Any, make_handlers: Make):
    image = await stage.image_in(State.UPLOADED)
    stage.upload(image)
    notifier = RecordingNotifier(failing="the receiver answered 500")
    handlers = make_handlers(ScriptedRenderer(PARTS), notifier)
    await handlers(ProcessImage(image.id))
    (owed,) = await stage.owed()

    with capture_logs() as logs:
        await handlers(SendWebhook(owed.id))
        notifier.failing = None
        stage.clock.advance(timedelta(seconds=5))
        await handlers(SendWebhook(owed.id))

    failed, sent = logs
    common = {"delivery_id": owed.id, "event_type": "image.ready"}
    assert sent == common | {"event": "webhook_sent", "log_level": "info", "attempt": 2}
    assert failed == common | {
        "event": "webhook_failed",
        "log_level": "warning",
        "attempt": 1,
        "reason": "The webhook could not be delivered: the receiver answered 500.",
        "again_at": stage.clock.now().isoformat(),
        "given_up": False,
    }


async def test_an_image_whose_worker_was_lost_waits_before_it_is_processed_again(stage: Any, make_handlers: Make):
    image = await stage.image_in(State.PROCESSING)
    renderer = ScriptedRenderer(PARTS)

    await make_handlers(renderer).recover(ProcessImage(image.id))

    stored = await stage.stored(image.id)
    assert stored.state is State.UPLOADED
    assert stored.next_attempt_at > stage.clock.now()
    assert renderer.recipes == []


async def test_a_job_whose_worker_was_lost_runs_where_nothing_was_begun(stage: Any, make_handlers: Make):
    image = await stage.image_in(State.UPLOADED)
    stage.upload(image)

    await make_handlers(ScriptedRenderer(PARTS)).recover(ProcessImage(image.id))

    assert (await stage.stored(image.id)).state is State.READY


async def test_any_other_job_whose_worker_was_lost_runs_again(stage: Any, make_handlers: Make):
    image = await stage.image_in(State.READY)
    owed = Delivery.owed(DeliveryId("d" * 32), image.id, State.READY, at=stage.clock.now())
    async with stage.records.transaction() as tx:
        await tx.add_delivery(owed)
    notifier = RecordingNotifier()

    await make_handlers(ScriptedRenderer(PARTS), notifier).recover(SendWebhook(owed.id))

    assert [sent for sent, _, _ in notifier.sent] == [owed.id]


async def test_each_piece_of_upkeep_is_what_it_says(make_handlers: Make, rounds: list[Chore]):
    handlers = make_handlers(ScriptedRenderer(PARTS))

    for chore in Chore:
        await handlers(Upkeep(chore))

    assert rounds == [*Chore]
