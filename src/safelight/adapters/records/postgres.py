"""Postgres: many writers at once. What they must not do at the same time, they lock.

A transaction costs the round trips of its statements and two more, to begin and to end it. Nothing is reset when a
connection goes back to the pool: every block ends its transaction itself, and sets nothing for its session. `glance`
begins none, for one query alone.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from datetime import timedelta
from typing import Any
from weakref import WeakSet

import asyncpg
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from safelight.adapters.records.engine import OUR_MISTAKES, connected
from safelight.adapters.records.outbox import Outboxes
from safelight.adapters.records.store import SqlRecords
from safelight.domain.errors import Busy, RequestInvalid, StorageFailed
from safelight.ports.observe import Observe, ignore, timed

CONNECTIONS = 10
"""Of one process, writing and reading. Postgres takes 100 in all, unless it is told otherwise."""

CONNECT_WITHIN = timedelta(seconds=10)
ANSWER_WITHIN = timedelta(seconds=30)
"""How long one statement may take: a server that was cut off says nothing at all."""

POOL_WITHIN = timedelta(seconds=30)
"""How long to wait for a free connection of our own."""

SESSION = {
    "application_name": "safelight",
    "lock_timeout": "10s",
    "idle_in_transaction_session_timeout": "60s",
    "jit": "off",
}
"""What every session is told as it begins, with no round trip of its own.

Nobody waits for a lock for ever, a process that hangs holds none for long, and our queries are too small to compile.
"""

READ = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
"""A reader sees one moment, whatever is committed meanwhile."""

GLANCE = {"isolation_level": "AUTOCOMMIT"}

CROSSED = frozenset({"40001", "40P01", "55P03"})
"""Serialization failure, deadlock, lock not available: whoever tries again finds the way free."""

_WHO = (
    "See the user and the password in SAFELIGHT_DATABASE_URL, and pg_hba.conf of Postgres; in a password, "
    "percent-encode / # @ : ? %"
)
_PARAMETERS = "See what follows the question mark in SAFELIGHT_DATABASE_URL: it takes what libpq does, such as sslmode"
CURES = {
    "28000": _WHO,
    "28P01": _WHO,
    "3D000": "Create that database (createdb NAME), or name another one in SAFELIGHT_DATABASE_URL",
    "42501": "Grant that to the user of SAFELIGHT_DATABASE_URL, or let it own the database and all tables in it",
    "42704": _PARAMETERS,
    "55P02": _PARAMETERS,
    "42P07": "Something else is in that database: give Safelight one of its own, in SAFELIGHT_DATABASE_URL",
    "53300": "Raise its max_connections, or lower SAFELIGHT_DATABASE_CONNECTIONS",
}
"""What to do about some codes of Postgres: who connects, how, to what, with which rights, and as one of how many."""

NO_SUCH_CHARACTER = "22021"


class PostgresDatabase:
    """A database that was migrated before."""

    def __init__(
        self,
        url: str,
        *,
        connections: int = CONNECTIONS,
        observe: Observe = ignore,
        answer_within: timedelta | None = ANSWER_WITHIN,
    ) -> None:
        """Take `postgresql://...`, how many connections to have at the most, and how long a statement may take."""
        self._engine = postgres_engine(url, connections=connections, answer_within=answer_within)
        self._observe = observe
        self._is_cut_off = False
        self._connections: WeakSet[asyncpg.Connection] = WeakSet()
        event.listen(self._engine.sync_engine, "connect", self._note)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """Give a connection that reads. Raises StorageFailed, Busy."""
        with timed("read", self._observe), postgres_failures():
            async with self._connected() as connection:
                yield await connection.execution_options(**READ)

    @asynccontextmanager
    async def glancing(self) -> AsyncIterator[AsyncConnection]:
        """Give a connection that reads without a transaction. Raises StorageFailed, Busy."""
        with timed("read", self._observe), postgres_failures():
            async with self._connected() as connection:
                yield await connection.execution_options(**GLANCE)

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """Give a connection that writes; what the block does not commit is rolled back. Raises StorageFailed, Busy."""
        with timed("write", self._observe), postgres_failures():
            async with self._connected() as connection:
                yield connection

    def cut_off(self) -> None:
        """End every connection at once, and give none from now on: whoever waits for an answer gets StorageFailed."""
        self._is_cut_off = True
        for connection in self._connections:
            connection.terminate()

    async def close(self) -> None:
        """End every connection. Postgres is told so, and not asked: it may be silent."""
        self.cut_off()
        await self._engine.dispose()

    def _note(self, connection: Any, _record: object) -> None:
        self._connections.add(connection.driver_connection)

    def _connected(self) -> AbstractAsyncContextManager[AsyncConnection]:
        if self._is_cut_off:
            raise StorageFailed("this process ends, and has cut its connections to the database")
        return connected(self._engine)


@contextmanager
def postgres_failures() -> Iterator[None]:
    """Turn what is raised where Postgres cannot be reached, or breaks off, into StorageFailed; or Busy, where it is."""
    try:
        yield
    except PoolTimeout as error:
        raise Busy from error
    except DBAPIError as error:
        if isinstance(error, OUR_MISTAKES) and sqlstate(error) not in CURES:
            raise
        raise _meant(error) from error
    except asyncpg.InternalClientError as error:  # told that Postgres goes, and not closed yet: nothing was sent
        raise StorageFailed(f"the database's connection breaks off: {error}") from error
    except OSError as error:
        raise StorageFailed(
            f"the database cannot be reached: {str(error) or type(error).__name__}",
            "See that Postgres runs, and what SAFELIGHT_DATABASE_URL names",
        ) from error


def sqlstate(error: DBAPIError) -> str:
    """Return the code that Postgres gave to an error; nothing where it was not Postgres that failed."""
    return getattr(error.orig, "sqlstate", None) or ""


def _meant(error: DBAPIError) -> Busy | RequestInvalid | StorageFailed:
    """Return what an error of Postgres means to whoever called."""
    code = sqlstate(error)
    if code == NO_SUCH_CHARACTER:
        return RequestInvalid(reason="no text may have the character U+0000")
    if code in CROSSED:
        return Busy()
    reason = f"the database says: {error.orig}"
    return StorageFailed(reason, CURES[code]) if code in CURES else StorageFailed(reason)


@asynccontextmanager
async def open_postgres_records(
    url: str, outbox: Outboxes, *, connections: int = CONNECTIONS, observe: Observe = ignore
) -> AsyncIterator[SqlRecords]:
    """Open the database, which `migrate_postgres` has made or renewed; close it at the end of the block.

    `outbox` makes the outbox of each transaction: that of a queue in the same database.
    """
    database = PostgresDatabase(url, connections=connections, observe=observe)
    try:
        yield SqlRecords(database, outbox=outbox)
    finally:
        await database.close()


@asynccontextmanager
async def one_session(url: str) -> AsyncIterator[AsyncConnection]:
    """Give a connection that ends with the block, and with it what its session holds; its statements may take long.

    Raises StorageFailed, Busy.
    """
    engine = postgres_engine(url, connections=1, answer_within=None)
    try:
        with postgres_failures():
            async with engine.connect() as connection:
                yield connection
    finally:
        await engine.dispose()


def postgres_engine(url: str, *, connections: int, answer_within: timedelta | None = ANSWER_WITHIN) -> AsyncEngine:
    """Return the pool of a process. asyncpg reads the URL, and takes what libpq takes: `sslmode`, several hosts."""
    engine = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=lambda: asyncpg.connect(
            url,
            timeout=CONNECT_WITHIN.total_seconds(),
            command_timeout=answer_within and answer_within.total_seconds(),
            server_settings=SESSION,
        ),
        pool_size=connections,
        max_overflow=0,
        pool_timeout=POOL_WITHIN.total_seconds(),
        hide_parameters=True,  # the text of an error goes to the log, where no file name may stand
    )

    @event.listens_for(engine.sync_engine, "checkout")
    def on_checkout(connection: Any, _record: object, _proxy: object) -> None:
        if connection.driver_connection.is_closed():  # the server was started anew: no round trip tells us so
            raise DisconnectionError

    return engine
