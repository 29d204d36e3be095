"""Opens the records for a command that works beside the processes that serve, whether those run or not."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from safelight.adapters.metrics import PrometheusMetrics
from safelight.adapters.records.migrate_postgres import pending_postgres_migrations
from safelight.adapters.records.revisions import every_revision
from safelight.adapters.records.store import SqlRecords
from safelight.adapters.system import SystemClock
from safelight.apps.data_folder import DataNotReady, database_in
from safelight.apps.database import Database, open_database
from safelight.settings import Settings


@asynccontextmanager
async def records_for(settings: Settings) -> AsyncIterator[SqlRecords]:
    """Open the records that the settings name. Raises as `database_for`."""
    async with database_for(settings) as database:
        yield database.records


@asynccontextmanager
async def database_for(settings: Settings) -> AsyncIterator[Database]:
    """Open the records, with what tells others of changes. Raises DataNotReady, StorageFailed.

    On Postgres, jobs that are queued here are done by the workers. On SQLite they go nowhere: the server's reconcile
    finds what is to be done.
    """
    await see_that_they_are_ready(settings)
    async with open_database(settings, clock=SystemClock(), metrics=PrometheusMetrics()) as database:
        yield database


async def see_that_they_are_ready(settings: Settings) -> None:
    """Raise DataNotReady where there are no records, or only those of an earlier version; and StorageFailed."""
    if settings.database_url is None:
        database_in(settings.data)
        return
    lacking = await pending_postgres_migrations(settings.database_url.get_secret_value())
    if lacking == every_revision():
        raise DataNotReady(
            "There is no Safelight in the database that SAFELIGHT_DATABASE_URL names. Name another, or make its "
            "tables: safelight migrate"
        )
    if lacking:
        raise DataNotReady(
            f"The database lacks the revisions {', '.join(lacking)}. The processes that serve go on meanwhile: "
            "safelight migrate"
        )
