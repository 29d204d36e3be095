"""What the worker does with each job, joined from the steps."""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import pytest

from safelight.adapters.metrics import PrometheusMetrics
from safelight.domain.errors import ImageRejected, Reason, RenderingFailed
from safelight.domain.formats import InputFormat, OutputFormat
from safelight.domain.image import Look, State
from safelight.domain.jobs import ProcessImage, PurgeImage, ReprocessImage, SendWebhook
from safelight.domain.retry import Backoff
from safelight.journey.announce import Persistence
from safelight.ports.renderer import Inspected, Rendered
from safelight.testing.fakes import RecordingNotifier, ScriptedRenderer
from safelight.worker.handlers import Handlers, WorkerParts

FILE = b"the bytes of a file"
DAY = timedelta(days=1)
INSPECTED = Inspected(InputFormat.JPEG, 800, 600, 1, len(FILE), "ab" * 32)
THUMB = Rendered("thumb", OutputFormat.WEBP, 96, 96, b"a small picture")
PARTS = (INSPECTED, Look("3OcRJYB4d3h", "#7a5b3c"), THUMB)

Make = Callable[..., Handlers]


@pytest.fixture
def make_handlers(stage: Any) -> Make:
    """Makes handlers over the stage."""

    def make(renderer: Any, notifier: RecordingNotifier | None = None) -> Handlers:
        return Handlers(
            WorkerParts(
                kinds=stage.kinds,
                records=stage.records,
                objects=stage.objects,
                renderer=renderer,
                notifier=notifier,
                signals=stage.signals,
                links=stage.links,
                clock=stage.clock,
                ids=stage.ids,
                metrics=PrometheusMetrics(),
                lease=timedelta(minutes=5),
                retries=stage.retries,
                persistence=Persistence(DAY, Backoff(timedelta(seconds=5), DAY, lambda: 1.0)),
                purge_grace=timedelta(hours=1),
            )
        )

    return make


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


@pytest.mark.parametrize("state", [State.READY, State.DELETED])
async def test_reprocessing_that_cannot_be_ends_quietly(stage: Any, make_handlers: Make, state: State):
    image = await stage.image_in(state)

    await make_handlers(ScriptedRenderer([]))(ReprocessImage(image.id))

    assert (await stage.stored(image.id)).state is state


async def test_without_a_notifier_a_webhook_that_is_owed_stays_owed(stage: Any, make_handlers: Make):
    image = await stage.image_in(State.UPLOADED)
    stage.upload(image)
    await make_handlers(ScriptedRenderer(PARTS), RecordingNotifier())(ProcessImage(image.id))
    (owed,) = await stage.owed()

    await make_handlers(ScriptedRenderer([]))(SendWebhook(owed.id))

    assert await stage.owed() == [owed]
