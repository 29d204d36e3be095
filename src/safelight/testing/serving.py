"""A real server on a free loopback port, in the test's own event loop."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import uvicorn

STOPS_WITHIN_SECONDS = 10


class _Server(uvicorn.Server):
    """Says when it is up, and leaves the process's signal handlers alone."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def serving(app: Any, *, http: Any = "httptools") -> AsyncIterator[int]:
    """Serve an ASGI application, with `http` as uvicorn's protocol class; give the port."""
    server = _Server(
        uvicorn.Config(app, port=0, http=http, ws="none", lifespan="off", access_log=False, log_config=None)
    )
    running = asyncio.create_task(server.serve())
    await server.up.wait()
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = server.force_exit = True
        await asyncio.wait_for(running, STOPS_WITHIN_SECONDS)
