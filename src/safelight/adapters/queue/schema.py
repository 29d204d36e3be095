"""Where PgQueuer's tables are.

They stand beside the records, in whichever schema the connection works in, and their names begin with `safelight_`: so
one database can hold the application's own PgQueuer too, and nobody needs the right to create a schema.
"""

from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment, QueryQueueBuilder, QuerySchedulerBuilder
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.domain.settings import DBSettings, Durability
from pgqueuer.domain.types import Channel
from pgqueuer.ports.driver import Driver

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


def queries_on(driver: Driver) -> Queries:
    """Return PgQueuer's queries, with our names."""
    return Queries(driver, *builders())


def builders() -> tuple[QueryBuilderEnvironment, QueryQueueBuilder, QuerySchedulerBuilder]:
    """Return what PgQueuer's queries are made by, with our names."""
    return QueryBuilderEnvironment(SETTINGS), QueryQueueBuilder(SETTINGS), QuerySchedulerBuilder(SETTINGS)
