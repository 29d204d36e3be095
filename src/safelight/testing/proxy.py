"""A proxy of TCP on loopback, for tests: a load balancer in front of several servers, and a line that can be cut.

with Proxy(lambda: [postgres.port]) as proxy:
    connect(proxy.port)
    proxy.cut()
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from itertools import count
from types import TracebackType
from typing import Any, Self

HOST = "127.0.0.1"
CONNECT_WITHIN_S = 2.0
CHUNK_BYTES = 64 * 1024

Targets = Callable[[], Sequence[int]]
"""The ports that connections may lead to now."""


class Proxy:
    """Leads each connection to the next of its targets that takes one, as a load balancer does. A context manager.

    It runs in a thread of its own, with a loop of its own.
    """

    def __init__(self, targets: Targets) -> None:
        self.port = 0
        self._targets = targets
        self._turn = count()
        self._open: set[asyncio.WriteTransport] = set()
        self._under_way: set[asyncio.Task[None]] = set()
        self._flows = asyncio.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = self._do(asyncio.start_server(self._take, HOST, 0, backlog=1000))
        self.port = self._server.sockets[0].getsockname()[1]
        self._loop.call_soon_threadsafe(self._flows.set)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def cut(self) -> int:
        """Reset every connection that is open, and return how many there were. New ones are taken at once."""
        were: int = self._do(self._cut())
        return were

    def stall(self) -> None:
        """Let nothing more through, and close nothing: what a lost route looks like. `flow` ends it."""
        self._loop.call_soon_threadsafe(self._flows.clear)

    def flow(self) -> None:
        """Let everything through again."""
        self._loop.call_soon_threadsafe(self._flows.set)

    def _do(self, what: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(what, self._loop).result()

    async def _cut(self) -> int:
        were = len(self._open) // 2
        for transport in list(self._open):
            transport.abort()
        return were

    async def _end(self) -> None:
        self._server.close()
        for task in list(self._under_way):
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)

    def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = self._loop.create_task(self._lead(reader, writer))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _lead(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Join a connection to a target, until either closes it."""
        await self._flows.wait()
        there = await self._connect()
        if there is None:
            writer.transport.abort()
            return
        ends = {writer.transport, there[1].transport}
        self._open |= ends
        try:
            await asyncio.gather(self._pass(reader, there[1]), self._pass(there[0], writer))
        finally:
            self._open -= ends
            for end in ends:
                end.abort()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        targets = list(self._targets())
        first = next(self._turn)
        for place in range(len(targets)):
            port = targets[(first + place) % len(targets)]
            with suppress(OSError, TimeoutError):
                async with asyncio.timeout(CONNECT_WITHIN_S):
                    return await asyncio.open_connection(HOST, port)
        return None

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass on what comes from one side, and that it ends. A connection that breaks ends the other, too."""
        try:
            while chunk := await reader.read(CHUNK_BYTES):
                await self._flows.wait()
                writer.write(chunk)
                await writer.drain()
            writer.write_eof()
        except OSError:
            writer.transport.abort()
