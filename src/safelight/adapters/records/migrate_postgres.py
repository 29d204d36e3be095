"""Brings a Postgres database to the present tables while others use it; any number of processes may try at once."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

from alembic import command
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from safelight.adapters.records.migrations.online import LOCK_WITHIN, milliseconds
from safelight.adapters.records.postgres import one_session, sqlstate
from safelight.adapters.records.revisions import config_for, lacking, present_in
from safelight.domain.errors import StorageFailed

MIGRATING = 0x5AFE_1167
"""Key of the advisory lock that one migration at a time holds, in this database."""

LOOK_EVERY = timedelta(milliseconds=200)
"""How often to look whether another migration is over. To wait for its lock would be a transaction it may wait for."""

LOCK_NOT_AVAILABLE = "55P03"
PAUSES = tuple(timedelta(seconds=seconds) for seconds in (1, 2, 4, 8, 15, 30))
"""How long everybody else goes first after a table was busy, time after time; then it is given up."""

Install = Callable[[AsyncConnection], Awaitable[None]]
"""Makes, or renews, what else lies in the database, each statement by itself, and again without harm."""


async def nothing(_connection: AsyncConnection) -> None:
    """Install nothing else."""


async def migrate_postgres(
    url: str, *, install: Install = nothing, pauses: tuple[timedelta, ...] = PAUSES
) -> tuple[str, ...]:
    """Bring the database to the present revision, then `install`; return the revisions that it lacked.

    Each revision is there whole or not at all, and those before it stay. It needs a session of its own: a pooler that
    hands out transactions must be passed by. Raises StorageFailed, also where a table stays too busy.
    """
    async with _alone(url) as connection:
        missing = lacking(await connection.run_sync(present_in))
        await connection.commit()
        if missing:
            await _upgrade(connection, pauses)
        await install(await connection.execution_options(isolation_level="AUTOCOMMIT"))
        return missing


async def pending_postgres_migrations(url: str) -> tuple[str, ...]:
    """Return the revisions that the database lacks, in order. Raises StorageFailed."""
    return lacking(await present_postgres_revision(url))


async def present_postgres_revision(url: str) -> str | None:
    """Return the revision of the database; None where it has no tables. Raises StorageFailed."""
    async with one_session(url) as connection:
        return await connection.run_sync(present_in)


async def _upgrade(connection: AsyncConnection, pauses: tuple[timedelta, ...]) -> None:
    for pause in (*pauses, None):
        try:
            await connection.run_sync(lambda present: command.upgrade(config_for(present), "head"))
        except DBAPIError as error:
            await connection.rollback()
            if sqlstate(error) != LOCK_NOT_AVAILABLE:
                raise
            if pause is None:
                raise StorageFailed(
                    "the tables are too busy to be changed: what was changed by then stays",
                    "Migrate again at a quieter time, or end the long transactions that pg_stat_activity shows",
                ) from error
            await asyncio.sleep(pause.total_seconds())
        else:
            await connection.commit()
            return


@asynccontextmanager
async def _alone(url: str) -> AsyncIterator[AsyncConnection]:
    """Give a connection that migrates, when no other does; it waits for no lock of a table for long."""
    async with one_session(url) as connection:
        while not (await connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": MIGRATING})).scalar():
            await connection.rollback()
            await asyncio.sleep(LOOK_EVERY.total_seconds())
        await connection.execute(text(f"SET lock_timeout = {milliseconds(LOCK_WITHIN)}"))
        await connection.commit()
        yield connection
