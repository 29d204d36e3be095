"""PgQueuer's drivers: on a pool of our own, and in somebody else's transaction."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Self, TypeVar

import asyncpg
from pgqueuer.core.tm import TaskManager
from pgqueuer.ports.driver import NotifyCallback
from sqlalchemy.ext.asyncio import AsyncConnection

from safelight.adapters.queue.wakes import Wakes

Result = TypeVar("Result")


class _Driver:
    """What PgQueuer asks of a driver besides statements."""

    def __init__(self) -> None:
        self._shutdown = asyncio.Event()
        self._tasks = TaskManager()

    @property
    def shutdown(self) -> asyncio.Event:
        """Return an event that nobody sets: managers have their own."""
        return self._shutdown

    @property
    def tm(self) -> TaskManager:
        """Return the driver's tasks: there are none."""
        return self._tasks

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Leave open what others opened."""


class PoolDriver(_Driver):
    """Statements on a pool, each committed by itself. What changes is heard through `wakes`."""

    def __init__(self, pool: asyncpg.Pool, wakes: Wakes) -> None:
        super().__init__()
        self._pool = pool
        self._wakes = wakes

    async def fetch(self, query: str, *args: object) -> list[dict[str, object]]:
        """Return the rows of a statement."""
        return [dict(row) for row in await self._on_a_whole_one(lambda whole: whole.fetch(query, *args))]

    async def execute(self, query: str, *args: object) -> str:
        """Run a statement."""
        return str(await self._on_a_whole_one(lambda whole: whole.execute(query, *args)))

    async def notify(self, channel: str, payload: str) -> None:
        """Send a NOTIFY."""
        await self.execute("SELECT pg_notify($1, $2)", channel, payload)

    async def _on_a_whole_one(self, statement: Callable[[asyncpg.Connection], Awaitable[Result]]) -> Result:
        """Run a statement on a connection that takes it.

        One that has been told that Postgres goes, and is not closed yet, sends nothing: it is dropped, and the next has
        its turn.
        """
        for _ in range(self._pool.get_max_size()):
            async with self._pool.acquire() as connection:
                try:
                    return await statement(connection)
                except asyncpg.InternalClientError:
                    connection.terminate()
        async with self._pool.acquire() as connection:
            return await statement(connection)

    async def add_listener(self, _channel: str, callback: NotifyCallback) -> None:
        """Let the manager hear of changes."""
        self._wakes.add(callback)


class TransactionDriver(_Driver):
    """Statements in a transaction of SQLAlchemy's, which somebody else begins and ends."""

    def __init__(self, connection: AsyncConnection) -> None:
        super().__init__()
        self._connection = connection

    async def fetch(self, query: str, *args: object) -> list[dict[str, object]]:
        """Return the rows of a statement. SQLAlchemy begins the transaction where nothing else has."""
        ran = await self._connection.exec_driver_sql(query, args)
        return [dict(row) for row in ran.mappings()]

    async def execute(self, query: str, *args: object) -> str:
        """Run a statement."""
        await self._connection.exec_driver_sql(query, args)
        return ""

    async def notify(self, channel: str, payload: str) -> None:
        """Send a NOTIFY with the commit."""
        await self.execute("SELECT pg_notify($1, $2)", channel, payload)

    async def add_listener(self, _channel: str, _callback: NotifyCallback) -> None:
        """Refuse: nobody listens within a transaction."""
        raise NotImplementedError
