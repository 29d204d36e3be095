"""SQLite: one writer, whose turn comes in order of asking, and a few readers, which cannot write."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import aiosqlite
from sqlalchemy import event
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, NotSupportedError, ProgrammingError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool

from safelight.domain.errors import StorageFailed
from safelight.domain.to_its_end import to_its_end
from safelight.ports.observe import Observe, ignore, timed

BUSY_TIMEOUT_MS = 10_000
"""How long a statement waits for another process, such as a backup or a migration."""

READERS = 4
"""Connections that read, each with a thread of its own."""

PRAGMAS = (
    f"busy_timeout={BUSY_TIMEOUT_MS}",  # first: the next one may have to wait for another process
    "foreign_keys=ON",
)
WRITER_PRAGMAS = (*PRAGMAS, "journal_mode=WAL", "synchronous=FULL")
READER_PRAGMAS = (*PRAGMAS, "query_only=ON")

OUR_MISTAKES = (IntegrityError, ProgrammingError, DataError, NotSupportedError)
"""What SQL raises because of a bug in this program, not because of the database's surroundings."""


class SqliteDatabase:
    """A database file that was migrated before.

    `observe` hears how many seconds each `wait` for the writer's turn, `write` and `read` took.
    """

    def __init__(self, path: Path, *, observe: Observe = ignore) -> None:
        self._writer = _engine(path, mode="rw", size=1, pragmas=WRITER_PRAGMAS, begin="BEGIN IMMEDIATE")
        self._readers = _engine(path, mode="ro", size=READERS, pragmas=READER_PRAGMAS, begin="BEGIN")
        self._writing = asyncio.Semaphore(1)
        self._reading = asyncio.Semaphore(READERS)
        self._observe = observe

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """Give a connection that reads. Raises StorageFailed."""
        async with self._reading:
            with timed("read", self._observe), storage_failures():
                async with connected(self._readers) as connection:
                    yield connection

    def glancing(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """Give a connection for one query: here a transaction costs no round trip."""
        return self.reading()

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """Give the connection that writes; what the block does not commit is rolled back. Raises StorageFailed."""
        with timed("wait", self._observe):
            await self._writing.acquire()
        try:
            with timed("write", self._observe), storage_failures():
                async with connected(self._writer) as connection:
                    yield connection
        finally:
            self._writing.release()

    def cut_off(self) -> None:
        """Change nothing: a file answers."""

    async def close(self) -> None:
        """Close every connection: the writer last, so that it tidies up the write-ahead log."""
        await to_its_end(self._readers.dispose())
        await to_its_end(self._writer.dispose())


@contextmanager
def storage_failures() -> Iterator[None]:
    """Turn what a database raises because of a full or broken disk, or of a lock, into StorageFailed."""
    try:
        yield
    except OUR_MISTAKES:
        raise
    except DBAPIError as error:
        raise StorageFailed(f"the database says: {error.orig}") from error


@asynccontextmanager
async def connected(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """Give a connection of the pool, which comes and goes whole however often the caller is cancelled."""
    connection = engine.connect()
    try:
        await to_its_end(connection.start())
        yield connection
    finally:
        if connection.sync_connection is not None:
            await to_its_end(connection.close())


def _engine(path: Path, *, mode: str, size: int, pragmas: tuple[str, ...], begin: str) -> AsyncEngine:
    uri = f"{path.resolve().as_uri()}?mode={mode}"
    engine = create_async_engine(
        "sqlite+aiosqlite://",
        async_creator=lambda: aiosqlite.connect(uri, uri=True, isolation_level=None),
        poolclass=AsyncAdaptedQueuePool,
        pool_size=size,
        max_overflow=0,
        hide_parameters=True,  # the text of an error goes to the log, where no file name may stand
    )

    @event.listens_for(engine.sync_engine, "connect")
    def on_connect(connection: Any, _record: object) -> None:
        cursor = connection.cursor()
        for pragma in pragmas:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def on_begin(connection: Any) -> None:
        connection.exec_driver_sql(begin)

    return engine
