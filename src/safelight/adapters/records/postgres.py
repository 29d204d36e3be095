"""Postgres: many writers at once. What they must not do at the same time, they lock."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from alembic import command
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from safelight.adapters.records.engine import Observe, connected, ignore, storage_failures, timed, to_its_end
from safelight.adapters.records.migrate import config_for, lacking, see_that_it_is_known
from safelight.adapters.records.outbox import AfterCommit
from safelight.adapters.records.store import SqlRecords
from safelight.domain.errors import StorageFailed
from safelight.ports.jobs import Jobs

CONNECTIONS = 10
"""Of one process, writing and reading. Postgres takes 100 in all, unless it is told otherwise."""

MIGRATING = 0x5AFE_1167
"""Key of the advisory lock that one migration at a time holds, in this database."""

READ = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
"""A reader sees one moment, whatever is committed meanwhile."""


class PostgresDatabase:
    """A database that was migrated before."""

    def __init__(self, url: str, *, observe: Observe = ignore) -> None:
        """Take `postgresql+asyncpg://...`."""
        self._engine = _engine(url)
        self._observe = observe

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """Give a connection that reads. Raises StorageFailed."""
        with timed("read", self._observe), postgres_failures():
            async with connected(self._engine) as connection:
                yield await connection.execution_options(**READ)

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """Give a connection that writes; what the block does not commit is rolled back. Raises StorageFailed."""
        with timed("write", self._observe), postgres_failures():
            async with connected(self._engine) as connection:
                yield connection

    async def close(self) -> None:
        """Close every connection."""
        await to_its_end(self._engine.dispose())


@contextmanager
def postgres_failures() -> Iterator[None]:
    """Turn what is raised where Postgres cannot be reached, or breaks off, into StorageFailed."""
    try:
        with storage_failures():
            yield
    except OSError as error:
        raise StorageFailed(f"the database cannot be reached: {error}") from error


async def migrate_postgres(url: str) -> None:
    """Bring the database to the present revision; several processes may try at once. Raises StorageFailed."""
    engine = _engine(url)
    try:
        with postgres_failures():
            async with engine.begin() as connection:
                await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATING})
                await connection.run_sync(see_that_it_is_known)
                await connection.run_sync(lambda present: command.upgrade(config_for(present), "head"))
    finally:
        await engine.dispose()


async def pending_postgres_migrations(url: str) -> tuple[str, ...]:
    """Return the revisions that the database lacks, in order. Raises StorageFailed."""
    engine = _engine(url)
    try:
        with postgres_failures():
            async with engine.connect() as connection:
                return await connection.run_sync(lacking)
    finally:
        await engine.dispose()


@asynccontextmanager
async def open_postgres_records(url: str, jobs: Jobs, *, observe: Observe = ignore) -> AsyncIterator[SqlRecords]:
    """Open the database, which `migrate_postgres` has made or renewed; close it at the end of the block.

    Jobs are handed to `jobs` after each commit.
    """
    database = PostgresDatabase(url, observe=observe)
    try:
        yield SqlRecords(database, outbox=lambda _connection: AfterCommit(jobs))
    finally:
        await database.close()


def _engine(url: str) -> AsyncEngine:
    return create_async_engine(
        url,
        pool_size=CONNECTIONS,
        max_overflow=0,
        hide_parameters=True,  # the text of an error goes to the log, where no file name may stand
    )
