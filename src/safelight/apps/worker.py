"""The worker: runs jobs, and upkeep by the clock."""

import asyncio
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial

from safelight.adapters.scan.scanner import KindScanner
from safelight.adapters.webhook.notifier import WebhookNotifier
from safelight.apps.wiring import World
from safelight.domain.jobs import Chore
from safelight.domain.retry import Backoff
from safelight.journey.announce import Persistence
from safelight.journey.finalize import Retries
from safelight.ports.metrics import Metrics
from safelight.settings import Settings
from safelight.upkeep.declare import older_kinds
from safelight.upkeep.forget import forget_records
from safelight.upkeep.reconcile import reconcile
from safelight.upkeep.recover import recover_images
from safelight.upkeep.sides import recover_sides
from safelight.upkeep.sweep import sweep_orphans
from safelight.upkeep.sweep_uploads import sweep_uploads
from safelight.upkeep.turns import EVERYTHING, prefixes_of_turn
from safelight.worker.child import Ending
from safelight.worker.handlers import Handlers, WorkerParts
from safelight.worker.periodic import every, rounds
from safelight.worker.renderer import SandboxRenderer
from safelight.worker.slot import COMMAND

LEVELS_EVERY = timedelta(seconds=5)
"""How often the levels among the metrics are read anew."""

COUNTED_AT_MOST = 10_000
"""Images of each state, for their levels: to count them all would take longer with every image."""

LAG_EVERY_S = 0.5

REDIRECT_MAX_AGE = timedelta(seconds=60)
"""How long a cache keeps a redirect to a rendition."""


async def run_worker(world: World, renderer: SandboxRenderer, notifier: WebhookNotifier | None) -> None:
    """Work until cancelled. A process that is alone first takes up again what was under way before."""
    settings = world.settings
    handlers = Handlers(worker_parts(world, renderer, notifier))
    if world.alone:
        await _recover(world, handlers)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_work(world, handlers))
        for chore, interval in _intervals(settings).items():
            tasks.create_task(rounds(chore, interval, jobs=world.jobs, clock=world.clock))
        tasks.create_task(every(LEVELS_EVERY, "levels", partial(_levels, world, renderer)))
        tasks.create_task(_watch_lag(world))


async def _work(world: World, handlers: Handlers) -> None:
    settings = world.settings
    await world.jobs.run(handlers, recover=handlers.recover, concurrency=settings.slots, grace=settings.stop_grace)


async def _recover(world: World, handlers: Handlers) -> None:
    limit = world.settings.upkeep_batch
    await recover_sides(records=world.records, clock=world.clock, limit=limit)
    await recover_images(handlers.recover_image, records=world.records, limit=limit)


def worker_parts(world: World, renderer: SandboxRenderer, notifier: WebhookNotifier | None) -> WorkerParts:
    """Return what the handlers are made from."""
    settings = world.settings
    return WorkerParts(
        kinds=world.kinds,
        records=world.records,
        objects=world.objects,
        scanner=KindScanner(
            timeout=settings.scan_timeout,
            observe=lambda what, seconds: world.metrics.latency(f"scanner {what}", seconds),
        ),
        renderer=renderer,
        notifier=notifier,
        signals=world.signals,
        links=world.links,
        clock=world.clock,
        ids=world.ids,
        metrics=world.metrics,
        lease=settings.process_timeout,
        retries=Retries(settings.max_process_attempts, _backoff(settings)),
        persistence=Persistence(
            settings.webhook_retry_for,
            Backoff(settings.webhook_retry_base, settings.webhook_retry_max, random.random),
            settings.webhook_timeout,
        ),
        purge_grace=settings.body_timeout,
        accept_unscanned=settings.scanner_down == "accept",
        chores={
            Chore.RECONCILE: partial(_reconcile, world),
            Chore.SWEEP: partial(_sweep, world),
            Chore.FORGET: partial(_forget, world),
        },
    )


def _intervals(settings: Settings) -> Mapping[Chore, timedelta]:
    return {
        Chore.RECONCILE: settings.reconcile_every,
        Chore.SWEEP: settings.sweep_every,
        Chore.FORGET: settings.sweep_every,
    }


def _backoff(settings: Settings) -> Backoff:
    return Backoff(settings.retry_base, settings.retry_max, random.random)


async def _reconcile(world: World) -> None:
    try:
        await reconcile(
            records=world.records,
            objects=world.objects,
            signals=world.signals,
            clock=world.clock,
            grace=world.settings.body_timeout,
            limit=world.settings.upkeep_batch,
        )
    finally:
        await world.jobs.forget_finished()


async def _forget(world: World) -> None:
    with world.metrics.step("forget"):
        await forget_records(
            records=world.records,
            clock=world.clock,
            record_retention=world.settings.record_retention,
            audit_retention=world.settings.audit_retention,
            batch=world.settings.upkeep_batch,
        )


async def _sweep(world: World) -> None:
    settings = world.settings
    grace = max(settings.orphan_grace, settings.body_timeout)
    signed = 2 * settings.download_bucket + REDIRECT_MAX_AGE
    with world.metrics.step("sweep"):
        try:
            await sweep_orphans(
                records=world.records,
                objects=world.objects,
                clock=world.clock,
                grace=grace,
                batch=settings.upkeep_batch,
                retired_for=max(grace, signed),
                prefixes=EVERYTHING if world.disk is not None else _turn(world),
            )
        finally:  # an object that cannot be removed keeps no upload open
            await sweep_uploads(
                records=world.records,
                objects=world.objects,
                clock=world.clock,
                grace=grace,
                batch=settings.upkeep_batch,
            )


def _turn(world: World) -> Sequence[str]:
    """Return what to list of a bucket this time. A folder is listed whole: that costs nothing."""
    settings = world.settings
    return prefixes_of_turn(world.clock.now(), every=settings.sweep_every, whole=settings.sweep_whole_every)


async def _levels(world: World, renderer: SandboxRenderer) -> None:
    async with world.records.reading() as snapshot:
        counts = await snapshot.counts(at_most=COUNTED_AT_MOST)
        waiting_since = await snapshot.oldest_waiting()
    age = max(0.0, (world.clock.now() - waiting_since).total_seconds()) if waiting_since else 0.0
    for what, value in {
        "queue_depth": await world.jobs.depth(at_most=COUNTED_AT_MOST),
        "queue_age_seconds": age,
        "slots": world.settings.slots,
        "slots_busy": renderer.busy,
        "kinds_older": len(await older_kinds(world.kinds, records=world.records)),
        **{f"images_{state}": count for state, count in counts.items()},
    }.items():
        world.metrics.level(what, value)


async def _watch_lag(world: World) -> None:
    """Note how much later than asked the event loop comes back."""
    loop = asyncio.get_running_loop()
    while True:
        asked = loop.time() + LAG_EVERY_S
        await asyncio.sleep(LAG_EVERY_S)
        world.metrics.level("loop_lag_seconds", max(0.0, loop.time() - asked))


@asynccontextmanager
async def sandbox(
    settings: Settings, *, metrics: Metrics | None = None, zygote: Sequence[str] = COMMAND
) -> AsyncIterator[SandboxRenderer]:
    """Return a block with the sandbox: a zygote in every slot. Raises RenderingFailed where it does not start.

    `metrics` hear of what each child used; `zygote` is the command that starts one.
    """

    def note(ending: Ending) -> None:
        if metrics is not None:
            metrics.latency("sandbox cpu", ending.ended.cpu_seconds)
            metrics.level("sandbox_peak_bytes", ending.ended.peak_bytes)

    async with SandboxRenderer(
        slots=settings.slots,
        render_timeout=settings.render_timeout,
        render_cpu=settings.render_cpu,
        render_memory_bytes=settings.render_memory_bytes,
        max_rendition_bytes=settings.max_rendition_bytes,
        on_end=note,
        zygote=zygote,
    ) as renderer:
        yield renderer
