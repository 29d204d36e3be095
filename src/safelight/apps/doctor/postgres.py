"""The Postgres of the settings: whether it answers, is of this version, has room, our time, and our records."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from safelight.adapters.records.carry import is_left_behind
from safelight.adapters.records.migrate_postgres import present_postgres_revision
from safelight.adapters.records.postgres import ANSWER_WITHIN, PostgresDatabase
from safelight.adapters.records.revisions import every_revision, lacking
from safelight.apps.data_folder import records_left_behind
from safelight.apps.database import DATABASE_FILE
from safelight.apps.doctor.finding import Finding, Visit, fine, warning, wrong
from safelight.domain.errors import StorageFailed

MOST_CLOCK_DIFFERENCE = timedelta(seconds=2)
"""Leases and retries are told by the clocks of hosts, and end a little early or late where they differ."""

MB = 1_000_000

NEARLY_ALL = 0.8
"""So many of Postgres's connections taken are too many: the next process that starts needs some."""

CONNECTIONS = """
    SELECT (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS used,
        current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int AS allowed
"""


@asynccontextmanager
async def opened(visit: Visit) -> AsyncIterator[PostgresDatabase]:
    """Open the database that the settings name. To look at all of it, a statement may take its time."""
    database = PostgresDatabase(_url(visit), connections=2, answer_within=None if visit.whole else ANSWER_WITHIN)
    try:
        yield database
    finally:
        await database.close()


async def database(visit: Visit) -> list[Finding]:
    """Connect, and compare the revision with what this version knows."""
    try:
        present = await present_postgres_revision(_url(visit))
        async with opened(visit) as postgres, postgres.glancing() as connection:
            version = await _one(connection, "SELECT current_setting('server_version')")
            size = await _one(connection, "SELECT pg_database_size(current_database())")
    except StorageFailed as error:
        return wrong("database", error.reason, error.cure)
    if missing := lacking(present):
        seen = f"it lacks the tables of this version: {', '.join(missing)}"
        first = present is None
        cure = "First run, once: safelight migrate" if first else "While everything runs: safelight migrate"
        return wrong("database", "it has no tables yet" if first else seen, cure)
    of = "this version" if present in every_revision() else f"a later version ({present}), on which this one works yet"
    return fine("database", f"Postgres {version}, of {of}; {int(str(size)) / MB:,.1f} MB")


async def connections(visit: Visit, connection: AsyncConnection) -> list[Finding]:
    """See that there are connections left."""
    used, allowed = (await connection.execute(text(CONNECTIONS))).one()
    seen = f"{used:,} of {allowed:,} are taken; each process may have {visit.settings.database_connections:,} and a few"
    if used >= NEARLY_ALL * allowed:
        cure = "Raise max_connections of Postgres, or lower SAFELIGHT_DATABASE_CONNECTIONS"
        return warning("connections", seen, cure)
    return fine("connections", seen)


async def clock(visit: Visit, connection: AsyncConnection) -> list[Finding]:
    """Compare this machine's clock with the database's."""
    before = visit.clock.now()
    there: datetime = (await connection.execute(text("SELECT clock_timestamp()"))).scalar_one()
    after = visit.clock.now()
    difference = max(before - there, there - after, timedelta(0))
    if difference > MOST_CLOCK_DIFFERENCE:
        return wrong(
            "clock",
            f"this machine's clock and the database's differ by {difference}",
            "Keep the clocks of all hosts right: run an NTP service on each",
        )
    return fine("clock", "this machine's clock and the database's agree")


async def left_behind(visit: Visit, _connection: AsyncConnection) -> list[Finding]:
    """See that no images stayed in the folder's own database, where this one has none."""
    folder = visit.settings.data
    if not await is_left_behind(folder / DATABASE_FILE, _url(visit)):
        return []
    lack = records_left_behind(folder)
    return wrong("records", lack.seen, lack.cure)


async def _one(connection: AsyncConnection, query: str) -> object:
    return (await connection.execute(text(query))).scalar_one()


def _url(visit: Visit) -> str:
    url = visit.settings.database_url
    return "" if url is None else url.get_secret_value()
