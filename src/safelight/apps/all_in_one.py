"""The whole system in one process, the sandbox's children apart: SQLite, a folder, and nothing else."""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import cast

import uvicorn
from litestar import Litestar

from safelight.adapters.records.migrate import migrate
from safelight.apps.api import api_app
from safelight.apps.api_keys import first_key
from safelight.apps.kinds import kinds_for, remember_kinds
from safelight.apps.lock import data_lock
from safelight.apps.process import prepare_process
from safelight.apps.uploads import uploads_app
from safelight.apps.users import identities, policy
from safelight.apps.webhooks import webhooks
from safelight.apps.wiring import DATABASE_FILE, Addresses, World, embedded
from safelight.apps.worker import run_worker, sandbox
from safelight.domain import keys
from safelight.http.asgi import App, Receive, Scope, Send
from safelight.http.body import limit_body
from safelight.http.connection import Limits, connection
from safelight.http.request_id import with_request_id
from safelight.http.traffic import counted
from safelight.settings import Settings
from safelight.upkeep.recover import release_claims

BYTE_PATHS = tuple(f"/{prefix}" for prefix in (keys.INCOMING, keys.PUBLIC, keys.PRIVATE))
"""What the upload service answers. Everything else is the API's."""

GRACE_S = 10
"""Time for requests under way to end, after SIGTERM or Ctrl-C."""


@dataclass(frozen=True, slots=True)
class Started:
    """What whoever started it needs: `new_key` is set only where the first key was made just now; `stop` ends it."""

    addresses: Addresses
    kinds: Sequence[str]
    new_key: str | None
    stop: Callable[[], None]


async def run_all_in_one(settings: Settings, *, started: Callable[[Started], None]) -> None:
    """Serve until SIGTERM or SIGINT; call `started` as soon as it listens.

    Raises DataInUse, KindsForgotten, KindInvalid, KeyInvalid, WebhookInvalid, StorageFailed, RenderingFailed, and
    OSError where the port is taken.
    """
    kinds = kinds_for(settings.data, settings.kinds)
    prepare_process()
    settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    async with AsyncExitStack() as stack:
        stack.enter_context(data_lock(settings.data))
        migrate(settings.data / DATABASE_FILE)
        remember_kinds(settings.data, settings.kinds)
        listener = stack.enter_context(_listening(settings.host, settings.port))
        addresses = Addresses.of(settings, port=listener.getsockname()[1])
        world = await stack.enter_async_context(embedded(settings, kinds, addresses))
        await world.objects.sweep_temporary(older_than=world.clock.now())  # nobody else writes: what is there is left
        await release_claims(world.records)
        renderer = await stack.enter_async_context(sandbox(settings, metrics=world.metrics))
        notifier = await stack.enter_async_context(webhooks(settings))
        new_key = await first_key(world, settings.bootstrap_key)
        api = api_app(
            world,
            policy=await stack.enter_async_context(policy(settings, kinds, world.clock, world.ids)),
            identities=await stack.enter_async_context(identities(settings, world.clock)),
        )
        server = _Server(
            _uvicorn(settings, _whole(world, api)),
            on_start=lambda: started(Started(addresses, list(kinds), new_key, server.stop)),
        )
        await stack.enter_async_context(_beside(run_worker(world, renderer, notifier), stop=server.stop))
        await server.serve(sockets=[listener])


def _whole(world: World, api: Litestar) -> App:
    """Return the API and the upload service as one application."""
    settings = world.settings
    limited = limit_body(cast("App", api), max_bytes=settings.max_body_bytes, timeout=settings.header_timeout)
    uploads = uploads_app(
        settings, world.tokens, world.objects, clock=world.clock, ids=world.ids, limiter=world.limiter
    )
    return with_request_id(_split(limited, counted(uploads, world.metrics)), new_id=world.ids.new)


def _split(api: App, uploads: App) -> App:
    """Return one application in which each of the two has its paths."""

    async def split(scope: Scope, receive: Receive, send: Send) -> None:
        bytes_path = scope["type"] == "http" and scope["path"].startswith(BYTE_PATHS)
        await (uploads if bytes_path else api)(scope, receive, send)

    return split


def _uvicorn(settings: Settings, app: App) -> uvicorn.Config:
    limits = Limits(
        header_timeout=settings.header_timeout,
        max_header_bytes=settings.max_header_bytes,
        max_connections=settings.max_connections,
        grace=settings.body_grace,
        least_rate=settings.min_bytes_per_second,
    )
    return uvicorn.Config(
        app,
        http=connection(limits),
        log_config=None,
        access_log=False,  # queries may hold tokens
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=list(settings.trusted_proxies),
        server_header=False,
        timeout_graceful_shutdown=GRACE_S,
        lifespan="off",
        ws="none",
    )


class _Server(uvicorn.Server):
    """Uvicorn that says when it listens, and ends without raising the signal anew."""

    def __init__(self, config: uvicorn.Config, *, on_start: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_start = on_start

    def capture_signals(self) -> nullcontext[None]:  # type: ignore[override]  # signals are taken below
        """Leave the signals to the event loop."""
        return nullcontext()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen; from then on SIGTERM and SIGINT end the server."""
        await super().startup(sockets)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        self._on_start()

    def stop(self) -> None:
        """Take no more requests, and end when those under way are answered."""
        self.should_exit = True


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    """Listen at once, so that the port is known, and known to be free. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, port), family=family, backlog=2048) as listener:
        yield listener


@asynccontextmanager
async def _beside(work: Coroutine[None, None, None], *, stop: Callable[[], None]) -> AsyncIterator[None]:
    """Run `work` as long as the block lasts. Where it breaks, `stop` is called, and its error raised at the end."""
    task = asyncio.create_task(work)
    task.add_done_callback(lambda _: stop())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
        if not task.cancelled():
            task.result()
