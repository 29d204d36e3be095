"""Where PgQueuer's tables are, and how they are made.

They stand beside the records, in whichever schema the connection works in, and their names begin with `safelight_`: so
one database can hold the application's own PgQueuer too, and nobody needs the right to create a schema.
"""

import asyncpg
from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver
from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment, QueryQueueBuilder, QuerySchedulerBuilder
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.domain.settings import DBSettings, Durability
from pgqueuer.domain.types import Channel
from pgqueuer.ports.driver import Driver

from safelight.adapters.queue.errors import storage_failures

PREFIX = "safelight_"

SETTINGS = DBSettings(
    prefix=PREFIX,
    db_schema=None,
    channel=Channel(f"{PREFIX}jobs"),
    function=f"{PREFIX}pgqueuer_changed",
    statistics_table=f"{PREFIX}pgqueuer_statistics",
    queue_status_type=f"{PREFIX}pgqueuer_status",
    queue_table=f"{PREFIX}pgqueuer",
    queue_table_log=f"{PREFIX}pgqueuer_log",
    trigger=f"{PREFIX}pgqueuer_changed",
    schedules_table=f"{PREFIX}pgqueuer_schedules",
    durability=Durability.balanced,  # what was done need not outlive a crash of Postgres: a third of the writing less
    widen_id=True,
)
"""Every name is given: PgQueuer would take those that are not from variables such as CHANNEL and FUNCTION."""

QUEUE, LOG = SETTINGS.queue_table, SETTINGS.queue_table_log

HELD_INDEX = f"CREATE INDEX IF NOT EXISTS {QUEUE}_held ON {QUEUE} (payload) WHERE status = 'failed'"
"""Finds held jobs by what they are; PgQueuer leaves indexes alone that it does not know."""

CONNECT_TIMEOUT_S = 10.0


def queries_on(driver: Driver) -> Queries:
    """Return PgQueuer's queries, with our names."""
    return Queries(
        driver, QueryBuilderEnvironment(SETTINGS), QueryQueueBuilder(SETTINGS), QuerySchedulerBuilder(SETTINGS)
    )


async def install_queue(url: str) -> None:
    """Make PgQueuer's tables, or bring them up to date; several processes may try at once. Raises StorageFailed.

    It has a connection of its own, with PgQueuer's lock: some of its changes cannot share a transaction. Where it is
    cut off, the next call goes on from there.
    """
    with storage_failures():
        connection = await asyncpg.connect(plain(url), timeout=CONNECT_TIMEOUT_S)
        try:
            queries = queries_on(AsyncpgDriver(connection))
            async with queries.schema_lock():
                for statement in (await queries.plan_upgrade()).statements:
                    await connection.execute(statement)
                await connection.execute(HELD_INDEX)
        finally:
            await connection.close()


def plain(url: str) -> str:
    """Return the URL as asyncpg takes it: SQLAlchemy's may name the driver."""
    scheme, separator, rest = url.partition("://")
    return f"{scheme.partition('+')[0]}{separator}{rest}"
