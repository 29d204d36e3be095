"""The parts as processes of their own, on records and objects that they share: as many of each as are wanted."""

from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

from safelight.adapters.metrics import PrometheusMetrics
from safelight.adapters.rates import MemoryRates
from safelight.adapters.system import SystemClock, SystemIds
from safelight.apps.addresses import Addresses
from safelight.apps.api import open_api
from safelight.apps.api_keys import keep_given_key
from safelight.apps.data_folder import remember_postgres
from safelight.apps.declared import declare
from safelight.apps.process import prepare_process
from safelight.apps.readiness import readiness
from safelight.apps.serving import beside, listening, serve
from safelight.apps.start import Part, see_that_it_can_start
from safelight.apps.storage import open_disk
from safelight.apps.unknown_keys import UnknownKeys
from safelight.apps.uploads import sweep_unfinished, uploads_app
from safelight.apps.webhooks import webhooks
from safelight.apps.wiring import open_keyring, opened, without_keys
from safelight.apps.worker import run_worker, sandbox
from safelight.domain.tokens import Tokens
from safelight.http.asgi import Receive, Scope, Send, answer
from safelight.http.health import with_health
from safelight.http.problems import http_problem
from safelight.http.readiness import Readiness, store_answers
from safelight.http.request_id import with_request_id
from safelight.http.traffic import counted
from safelight.ports.jobs import AT_ONCE
from safelight.settings import Settings


@dataclass(frozen=True, slots=True)
class Serving:
    """Where a part listens, as soon as it does; `stop` ends it."""

    part: Part
    address: str
    stop: Callable[[], None]


Started = Callable[[Serving], None]


async def run_api(settings: Settings, *, started: Started) -> None:
    """Serve the API until SIGTERM or SIGINT. Raises CannotStart, KeyInvalid, WebhookInvalid, StorageFailed, OSError."""
    kinds = await see_that_it_can_start(settings, Part.API)
    prepare_process()
    async with AsyncExitStack() as stack:
        listener = stack.enter_context(listening(settings.host, settings.port))
        addresses = Addresses.of(settings, port=listener.getsockname()[1])
        world = await stack.enter_async_context(opened(settings, kinds, addresses))
        await declare(world)
        if settings.bootstrap_key is not None:
            await keep_given_key(world, settings.bootstrap_key)
        ready = readiness(world)
        api = await stack.enter_async_context(open_api(world, ready=ready))
        app = with_request_id(api, new_id=world.ids.new)
        server = serve(settings, app, ready, _telling(started, Part.API, addresses.own))
        stack.callback(world.end_within, AT_ONCE)
        await server.serve(sockets=[listener])


async def run_worker_part(settings: Settings, *, started: Started) -> None:
    """Work until SIGTERM or SIGINT. Raises CannotStart, WebhookInvalid, StorageFailed, RenderingFailed, OSError."""
    kinds = await see_that_it_can_start(settings, Part.WORKER)
    prepare_process()
    async with AsyncExitStack() as stack:
        listener = stack.enter_context(listening(settings.host, settings.worker_port))
        addresses = Addresses.of(settings, port=listener.getsockname()[1])
        world = await stack.enter_async_context(opened(settings, kinds, addresses, keyring=without_keys))
        await declare(world)
        if settings.storage_url is None:
            remember_postgres(settings.data)
        renderer = await stack.enter_async_context(sandbox(settings, metrics=world.metrics))
        notifier = await stack.enter_async_context(webhooks(settings))
        ready = readiness(world)
        app = with_request_id(
            with_health(_nothing_else, ready=ready, exposition=world.metrics.exposition), new_id=world.ids.new
        )
        server = serve(settings, app, ready, _telling(started, Part.WORKER, addresses.own))
        await stack.enter_async_context(beside(run_worker(world, renderer, notifier), stop=server.stop))
        stack.callback(world.end_within, settings.stop_grace)
        await server.serve(sockets=[listener])


async def run_uploads(settings: Settings, *, started: Started) -> None:
    """Take and deliver bytes until SIGTERM or SIGINT. Raises CannotStart, StorageFailed, OSError."""
    await see_that_it_can_start(settings, Part.UPLOADS)
    prepare_process()
    metrics, clock, ids = PrometheusMetrics(), SystemClock(), SystemIds()
    async with AsyncExitStack() as stack:
        listener = stack.enter_context(listening(settings.host, settings.uploads_port))
        addresses = Addresses.of(settings, port=listener.getsockname()[1])
        tokens = Tokens(open_keyring(settings, clock).current, unknown=UnknownKeys(clock))
        disk = await stack.enter_async_context(open_disk(settings, metrics=metrics))
        limiter = MemoryRates(refused=metrics.refused)
        uploads = counted(uploads_app(settings, tokens, disk, clock=clock, ids=ids, limiter=limiter), metrics)
        ready = Readiness([store_answers(disk, min_free_bytes=settings.min_free_bytes)], clock)
        app = with_request_id(with_health(uploads, ready=ready, exposition=metrics.exposition), new_id=ids.new)
        server = serve(settings, app, ready, _telling(started, Part.UPLOADS, addresses.own))
        await stack.enter_async_context(beside(sweep_unfinished(settings, disk, clock), stop=server.stop))
        await server.serve(sockets=[listener])


def _telling(started: Started, part: Part, address: str) -> Callable[[Callable[[], None]], None]:
    return lambda stop: started(Serving(part, address, stop))


async def _nothing_else(_scope: Scope, _receive: Receive, send: Send) -> None:
    said = http_problem(404, detail="There is nothing here but /healthz, /readyz and /metrics.")
    await answer(send, said.status, said.headers, said.body)
