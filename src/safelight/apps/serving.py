"""How a process serves until a signal ends it: a socket that is known to be free, uvicorn on it, work beside it."""

import asyncio
import math
import signal
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext
from datetime import timedelta

import uvicorn

from safelight.http.asgi import App
from safelight.http.connection import Limits, connection
from safelight.http.cut_off import answering_cut_off
from safelight.http.readiness import Readiness
from safelight.settings import Settings


def serve(settings: Settings, app: App, ready: Readiness, on_start: Callable[[Callable[[], None]], None]) -> "Server":
    """Return a server of the application; `on_start` hears, as soon as it listens, how to stop it."""
    server = Server(
        uvicorn_config(settings, app),
        on_start=lambda: on_start(server.stop),
        on_stop=ready.stop,
        delay=settings.shutdown_delay,
    )
    return server


def uvicorn_config(settings: Settings, app: App) -> uvicorn.Config:
    """Return how an application is served, within the limits of connections."""
    limits = Limits(
        header_timeout=settings.header_timeout,
        max_header_bytes=settings.max_header_bytes,
        max_connections=settings.max_connections,
        grace=settings.body_grace,
        least_rate=settings.min_bytes_per_second,
    )
    return uvicorn.Config(
        answering_cut_off(app),
        http=connection(limits),
        log_config=None,
        access_log=False,  # queries may hold tokens
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=list(settings.trusted_proxies),
        server_header=False,
        timeout_graceful_shutdown=math.ceil(settings.call_grace.total_seconds()),
        lifespan="off",
        ws="none",
    )


class Server(uvicorn.Server):
    """Uvicorn that says when it listens, and ends without raising the signal anew.

    Asked to stop, it says so to `on_stop` and goes on for `delay`, so that load balancers see it in time.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        *,
        on_start: Callable[[], None],
        on_stop: Callable[[], None],
        delay: timedelta,
    ) -> None:
        super().__init__(config)
        self._on_start = on_start
        self._on_stop = on_stop
        self._delay = delay
        self._stopping = False

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
        """Take no more requests after the delay, and end when those under way are answered. Twice: without delay."""
        if self._stopping or not self._delay:
            self.should_exit = True
            return
        self._stopping = True
        self._on_stop()
        asyncio.get_running_loop().call_later(self._delay.total_seconds(), self.stop)


@contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """Listen at once, so that the port is known, and known to be free. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, port), family=family, backlog=2048) as listener:
        yield listener


@asynccontextmanager
async def beside(work: Coroutine[None, None, None], *, stop: Callable[[], None]) -> AsyncIterator[None]:
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
