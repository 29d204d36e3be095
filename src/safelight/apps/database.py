"""Opens the records with their queue and their signals: SQLite and memory within one process, or Postgres for many."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from safelight.adapters.listener import open_postgres_listener
from safelight.adapters.metrics import PrometheusMetrics
from safelight.adapters.queue.install import install_queue
from safelight.adapters.queue.memory import MemoryQueue
from safelight.adapters.queue.postgres import open_postgres_queue
from safelight.adapters.records.migrate import migrate, pending_migrations
from safelight.adapters.records.migrate_postgres import migrate_postgres
from safelight.adapters.records.postgres import open_postgres_records
from safelight.adapters.records.store import SqlRecords, open_records
from safelight.adapters.signals.local import LocalSignals
from safelight.adapters.signals.postgres import open_postgres_signals
from safelight.ports.clock import Clock
from safelight.ports.jobs import Jobs
from safelight.ports.signals import Signals
from safelight.settings import Settings

DATABASE_FILE = "safelight.db"


@dataclass(frozen=True, slots=True)
class Database:
    """The records, and what belongs to them. `cut_off` ends every wait for a database server."""

    records: SqlRecords
    jobs: Jobs
    signals: Signals
    cut_off: Callable[[], None]


@asynccontextmanager
async def open_database(settings: Settings, *, clock: Clock, metrics: PrometheusMetrics) -> AsyncIterator[Database]:
    """Open the database that the settings name, which was migrated before. Raises StorageFailed."""

    def observe(what: str, seconds: float) -> None:
        metrics.latency(f"database {what}", seconds)

    if settings.database_url is not None:
        url = settings.database_url.get_secret_value()
        async with (
            open_postgres_listener(url, lost=metrics.listener_lost) as listener,
            open_postgres_queue(
                url,
                clock,
                listener=listener,
                heartbeat_timeout=settings.job_heartbeat_timeout,
                poll_every=settings.job_poll_every,
                max_tries=settings.max_job_tries,
            ) as queue,
            open_postgres_signals(listener, max_waiters=settings.max_waiters, lost=metrics.signals_lost) as signals,
            open_postgres_records(
                url, queue.outbox, connections=settings.database_connections, observe=observe
            ) as records,
        ):

            def cut_off() -> None:
                for part in (records, queue, listener):
                    part.cut_off()

            yield Database(records, queue, signals, cut_off)
        return
    jobs = MemoryQueue(clock)
    async with open_records(settings.data / DATABASE_FILE, jobs, observe=observe) as records:
        yield Database(records, jobs, LocalSignals(max_waiters=settings.max_waiters), records.cut_off)


async def migrate_database(settings: Settings) -> Sequence[str]:
    """Make the database, or bring it to the tables of this version, and return the revisions that it lacked.

    Several processes may try at once. Raises StorageFailed.
    """
    if settings.database_url is not None:
        return await migrate_postgres(settings.database_url.get_secret_value(), install=install_queue)
    database = settings.data / DATABASE_FILE
    lacking = pending_migrations(database)
    migrate(database)
    return lacking
