"""What the worker does with each job: a step or two of the journey, or a piece of upkeep."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from safelight.domain.errors import ImageRejected, SafelightError, WrongState
from safelight.domain.image import Image, ImageId, State
from safelight.domain.jobs import (
    Chore,
    ClearSide,
    DeliveryId,
    Job,
    ProcessImage,
    PurgeImage,
    RenderVariant,
    ReprocessImage,
    SendWebhook,
    Upkeep,
)
from safelight.domain.kind import Kinds
from safelight.domain.outcome import Outcome
from safelight.domain.to_its_end import to_its_end
from safelight.domain.urls import Links
from safelight.journey.announce import Persistence, give_up_webhook, send_webhook
from safelight.journey.finalize import Retries, finalize_image
from safelight.journey.process import Terms, process_image
from safelight.ports.clock import Clock, Ids
from safelight.ports.metrics import Metrics
from safelight.ports.notifier import Notifier
from safelight.ports.object_store import ObjectStore
from safelight.ports.records import Records
from safelight.ports.renderer import Renderer
from safelight.ports.scanner import Scanner
from safelight.ports.signals import Signals
from safelight.upkeep.lazy import render_lazily
from safelight.upkeep.owed import begin_reprocess, give_up_reprocess
from safelight.upkeep.purge import purge_image
from safelight.upkeep.recover import recover_image
from safelight.upkeep.reprocess import Which, reprocess_image
from safelight.upkeep.sides import clear_image, owe_clearing
from safelight.worker.outcomes import tell_of_image, tell_of_webhook, word_of
from safelight.worker.persistence import persistently

log = structlog.get_logger()

NOBODY_TO_TELL = "no webhook URL is set"
"""Why webhooks are given up that are still owed from a time when one was."""

SPOILT_FOR = timedelta(hours=1)
"""How long a lazy variant is not tried again that its file cannot be rendered as.

Anybody may ask for it, again and again, and each try may cost all the time that there is for one.
"""

MOST_SPOILT = 1000
"""So many of them are remembered."""


@dataclass(frozen=True, slots=True)
class WorkerParts:
    """Ports and rules of the worker. Without a `notifier` the application is told nothing."""

    kinds: Kinds
    records: Records
    objects: ObjectStore
    scanner: Scanner
    renderer: Renderer
    notifier: Notifier | None
    signals: Signals
    links: Links
    clock: Clock
    ids: Ids
    metrics: Metrics
    lease: timedelta
    retries: Retries
    persistence: Persistence
    purge_grace: timedelta
    accept_unscanned: bool
    chores: Mapping[Chore, Callable[[], Awaitable[object]]]


class Handlers:
    """Runs one job. Jobs may come twice or late: each step looks at the record first."""

    def __init__(self, parts: WorkerParts) -> None:
        self._parts = parts
        self._spoilt: dict[RenderVariant, datetime] = {}

    async def __call__(self, job: Job) -> None:
        """Run the job that this is."""
        match job:
            case ProcessImage(image_id):
                await self._process(image_id)
            case RenderVariant():
                await self._render(job)
            case ReprocessImage(image_id):
                await self._reprocess(image_id)
            case PurgeImage(image_id):
                await self._purge(image_id)
            case ClearSide(image_id):
                await self._clear(image_id)
            case SendWebhook(delivery_id):
                await self._send(delivery_id)
            case Upkeep(chore):
                await self._parts.chores[chore]()

    async def recover(self, job: Job) -> None:
        """Run a job whose worker ended without a word. An image that it was processing waits first."""
        if not isinstance(job, ProcessImage) or not await self.recover_image(job.image_id):
            await self(job)

    async def recover_image(self, image_id: ImageId) -> bool:
        """Let an image whose worker was lost wait for another try; False where none had it."""
        parts = self._parts
        try:
            state = await recover_image(
                image_id,
                records=parts.records,
                signals=parts.signals,
                clock=parts.clock,
                ids=parts.ids,
                retries=parts.retries,
                told=parts.notifier is not None,
            )
        except WrongState as lost:
            log.info("image_let_go", image_id=image_id, state=lost.state)
            return True
        if state is not None:
            log.warning("image_recovered", image_id=image_id, state=state)
        return state is not None

    async def _process(self, image_id: ImageId) -> None:
        parts, begun = self._parts, self._parts.clock.now()
        try:
            with parts.metrics.step("process") as run:
                processed = await process_image(
                    image_id,
                    kinds=parts.kinds,
                    records=parts.records,
                    objects=parts.objects,
                    scanner=parts.scanner,
                    renderer=parts.renderer,
                    signals=parts.signals,
                    clock=parts.clock,
                    terms=Terms(parts.lease, parts.retries.max_attempts, parts.accept_unscanned),
                )
                run.outcome = "nothing_to_do" if processed is None else word_of(processed[1])
            if processed is None:
                return
            image, outcome = processed
            ending = persistently(lambda: self._finalize(image, outcome), what="finalize", image_id=image_id)
            state = await to_its_end(ending)
        except WrongState as lost:
            await self._let_go(image_id, lost)
        else:
            tell_of_image(image, outcome, state, parts.clock.now() - begun)

    async def _finalize(self, image: Image, outcome: Outcome) -> State:
        parts = self._parts
        with parts.metrics.step("finalize"):
            return await finalize_image(
                image,
                outcome,
                records=parts.records,
                signals=parts.signals,
                clock=parts.clock,
                ids=parts.ids,
                retries=parts.retries,
                told=parts.notifier is not None,
            )

    async def _let_go(self, image_id: ImageId, lost: WrongState) -> None:
        """Leave an image that was deleted, or taken over, while it was processed; remove again what came late."""
        log.info("image_let_go", image_id=image_id, state=lost.state)
        await self._purge(image_id)
        if lost.state is State.READY:  # and by now, it may be on the other side
            await owe_clearing(image_id, records=self._parts.records, clock=self._parts.clock)

    async def _render(self, job: RenderVariant) -> None:
        parts, image_id, variant = self._parts, job.image_id, job.variant
        if (spoilt_at := self._spoilt.get(job)) is not None and parts.clock.now() < spoilt_at + SPOILT_FOR:
            return
        try:
            with parts.metrics.step("render_lazily"):
                made = await render_lazily(
                    image_id,
                    variant,
                    kinds=parts.kinds,
                    records=parts.records,
                    objects=parts.objects,
                    renderer=parts.renderer,
                    signals=parts.signals,
                    clock=parts.clock,
                )
        except SafelightError as error:
            if isinstance(error, ImageRejected):  # the file's fault: it will not be otherwise next time
                self._remember(job)
            log.warning("lazy_variant_failed", image_id=image_id, variant=variant, code=error.code, detail=str(error))
        else:
            if made:
                log.info("lazy_variant_rendered", image_id=image_id, variant=variant, renditions=made)

    def _remember(self, spoilt: RenderVariant) -> None:
        self._spoilt.pop(spoilt, None)
        self._spoilt[spoilt] = self._parts.clock.now()
        if len(self._spoilt) > MOST_SPOILT:
            del self._spoilt[next(iter(self._spoilt))]

    async def _reprocess(self, image_id: ImageId) -> None:
        parts = self._parts
        image = await begin_reprocess(
            image_id, kinds=parts.kinds, records=parts.records, clock=parts.clock, retries=parts.retries
        )
        if image is None:
            return
        if image.reprocess_tries > parts.retries.max_attempts:
            await self._give_up(image, "too_many_tries")
            return
        try:
            with parts.metrics.step("reprocess"):
                made = await reprocess_image(
                    image,
                    Which.STALE,
                    kind=parts.kinds[image.kind],
                    records=parts.records,
                    objects=parts.objects,
                    renderer=parts.renderer,
                    signals=parts.signals,
                    clock=parts.clock,
                )
        except ImageRejected as rejected:  # the file's fault: it will not be otherwise next time
            await self._give_up(image, rejected.reason)
        except SafelightError as error:
            log.warning("reprocess_failed", image_id=image_id, code=error.code, tries=image.reprocess_tries)
        else:
            log.info("image_reprocessed", image_id=image_id, renditions=made)

    async def _give_up(self, image: Image, code: str) -> None:
        await give_up_reprocess(image, records=self._parts.records)
        log.error("reprocess_given_up", image_id=image.id, code=code)

    async def _purge(self, image_id: ImageId) -> None:
        parts = self._parts
        with parts.metrics.step("purge"):
            await purge_image(
                image_id,
                records=parts.records,
                objects=parts.objects,
                clock=parts.clock,
                grace=parts.purge_grace,
            )

    async def _clear(self, image_id: ImageId) -> None:
        parts = self._parts
        with parts.metrics.step("clear"):
            await clear_image(image_id, records=parts.records, objects=parts.objects, clock=parts.clock)

    async def _send(self, delivery_id: DeliveryId) -> None:
        parts = self._parts
        if parts.notifier is None:
            await self._settle_unsent(delivery_id)
            return
        with parts.metrics.step("webhook") as run:
            tried = await send_webhook(
                delivery_id,
                records=parts.records,
                notifier=parts.notifier,
                links=parts.links,
                clock=parts.clock,
                persistence=parts.persistence,
            )
            run.outcome = "nothing_to_do" if tried is None else "failed" if tried.error else "ok"
        if tried is not None:
            tell_of_webhook(delivery_id, tried)

    async def _settle_unsent(self, delivery_id: DeliveryId) -> None:
        parts = self._parts
        if await give_up_webhook(delivery_id, reason=NOBODY_TO_TELL, records=parts.records, clock=parts.clock):
            log.warning("webhook_given_up", delivery_id=delivery_id, reason=NOBODY_TO_TELL)
