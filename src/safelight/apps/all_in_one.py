"""The whole system in one process, the sandbox's children apart: by default on SQLite, a folder, and nothing else."""

from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

from safelight.apps.addresses import Addresses
from safelight.apps.api import open_api
from safelight.apps.api_keys import first_key
from safelight.apps.data_folder import remember_postgres
from safelight.apps.database import migrate_database
from safelight.apps.declared import declare
from safelight.apps.kinds import remember_kinds
from safelight.apps.lock import data_lock
from safelight.apps.process import prepare_process
from safelight.apps.readiness import readiness
from safelight.apps.serving import beside, listening, serve
from safelight.apps.start import Part, see_that_it_can_start
from safelight.apps.uploads import uploads_app
from safelight.apps.webhooks import webhooks
from safelight.apps.wiring import World, opened
from safelight.apps.worker import run_worker, sandbox
from safelight.domain import keys
from safelight.http.asgi import App, Receive, Scope, Send
from safelight.http.request_id import with_request_id
from safelight.http.traffic import counted
from safelight.settings import Settings
from safelight.upkeep.recover import release_claims

BYTE_PATHS = tuple(f"/{prefix}" for prefix in (keys.INCOMING, keys.PUBLIC, keys.PRIVATE))
"""What the upload service answers. Everything else is the API's."""


@dataclass(frozen=True, slots=True)
class Started:
    """What whoever started it needs: `new_key` is set only where the first key was made just now; `stop` ends it."""

    addresses: Addresses
    kinds: Sequence[str]
    new_key: str | None
    stop: Callable[[], None]


async def run_all_in_one(settings: Settings, *, started: Callable[[Started], None]) -> None:
    """Serve until SIGTERM or SIGINT; call `started` as soon as it listens.

    Raises CannotStart, DataInUse, KeyInvalid, StorageFailed, RenderingFailed, and OSError where the port is taken.
    """
    kinds = await see_that_it_can_start(settings, Part.UP)
    prepare_process()
    settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    async with AsyncExitStack() as stack:
        stack.enter_context(data_lock(settings.data))
        await migrate_database(settings)
        _remember(settings)
        listener = stack.enter_context(listening(settings.host, settings.port))
        addresses = Addresses.of(settings, port=listener.getsockname()[1])
        world = await stack.enter_async_context(opened(settings, kinds, addresses))
        await declare(world)
        if world.disk is not None:
            await world.disk.sweep_temporary(older_than=world.clock.now())  # nobody else writes: what is there is left
        if world.alone:
            await release_claims(world.records)
        renderer = await stack.enter_async_context(sandbox(settings, metrics=world.metrics))
        notifier = await stack.enter_async_context(webhooks(settings))
        new_key = await first_key(world, settings.bootstrap_key)
        ready = readiness(world)
        api = await stack.enter_async_context(open_api(world, ready=ready))
        server = serve(
            settings,
            _whole(world, api),
            ready,
            lambda stop: started(Started(addresses, list(kinds), new_key, stop)),
        )
        await stack.enter_async_context(beside(run_worker(world, renderer, notifier), stop=server.stop))
        stack.callback(world.end_within, settings.stop_grace)
        await server.serve(sockets=[listener])


def _remember(settings: Settings) -> None:
    """Note in the folder with what it is served, so that the next start cannot forget it."""
    remember_kinds(settings.data, settings.kinds)
    if settings.database_url is not None:
        remember_postgres(settings.data)


def _whole(world: World, app: App) -> App:
    """Return the API, and the upload service where there is a folder to serve, as one application."""
    settings = world.settings
    if world.disk is not None:
        uploads = uploads_app(
            settings, world.tokens, world.disk, clock=world.clock, ids=world.ids, limiter=world.limiter
        )
        app = _split(app, counted(uploads, world.metrics))
    return with_request_id(app, new_id=world.ids.new)


def _split(api: App, uploads: App) -> App:
    """Return one application in which each of the two has its paths."""

    async def split(scope: Scope, receive: Receive, send: Send) -> None:
        bytes_path = scope["type"] == "http" and scope["path"].startswith(BYTE_PATHS)
        await (uploads if bytes_path else api)(scope, receive, send)

    return split
