"""ports.records.Records on a database."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncConnection

from safelight.adapters.records.engine import SqliteDatabase
from safelight.adapters.records.outbox import Outbox, Outboxes, after_commit
from safelight.adapters.records.snapshot import SqlSnapshot
from safelight.adapters.records.transaction import SqlTransaction
from safelight.domain.errors import StorageFailed
from safelight.domain.to_its_end import to_its_end
from safelight.ports.jobs import Jobs
from safelight.ports.observe import Observe, ignore


class Database(Protocol):
    """Gives connections, each in a transaction of its own."""

    def reading(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """Return a block with a connection that reads."""
        ...

    def glancing(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """Return a block with a connection for one query, or several that need not agree on the moment."""
        ...

    def writing(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """Return a block with a connection that writes; what the block does not commit is rolled back."""
        ...

    def cut_off(self) -> None:
        """End what waits for a server, and give no connection from now on."""
        ...


class SqlRecords:
    """The records. `outbox` makes the outbox of one transaction, given its connection."""

    def __init__(self, database: Database, *, outbox: Outboxes) -> None:
        self._database = database
        self._outbox = outbox

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[SqlSnapshot]:
        """Return a block that reads. Raises StorageFailed."""
        async with self._database.reading() as connection:
            yield SqlSnapshot(connection)

    @asynccontextmanager
    async def glance(self) -> AsyncIterator[SqlSnapshot]:
        """Return a block for one query. Raises StorageFailed."""
        async with self._database.glancing() as connection:
            yield SqlSnapshot(connection)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[SqlTransaction]:
        """Return a block that reads and writes, one at a time. Raises StorageFailed."""
        async with self._database.writing() as connection:
            outbox = self._outbox(connection)
            yield SqlTransaction(connection, outbox)
            await to_its_end(_commit(connection, outbox))

    def cut_off(self) -> None:
        """Let nothing wait for a database server any more: it raises StorageFailed, now and from now on."""
        self._database.cut_off()


async def _commit(connection: AsyncConnection, outbox: Outbox) -> None:
    await connection.commit()
    await outbox.committed()


@asynccontextmanager
async def open_records(path: Path, jobs: Jobs, *, observe: Observe = ignore) -> AsyncIterator[SqlRecords]:
    """Open the SQLite database at `path`, which `migrate` has made or renewed; close it at the end of the block.

    Jobs are handed to `jobs` after each commit. `observe` hears how many seconds each `wait` for the one writer, each
    `write` and each `read` took. Raises StorageFailed where there is no database.
    """
    if not path.exists():  # noqa: ASYNC240 - once, at the start
        raise StorageFailed(f"there is no database at {path}")
    database = SqliteDatabase(path, observe=observe)
    try:
        yield SqlRecords(database, outbox=after_commit(jobs))
    finally:
        await database.close()
