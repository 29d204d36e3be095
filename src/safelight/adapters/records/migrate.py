"""Brings a SQLite database to the present tables, whole or not at all; any number of processes may try at once."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from sqlalchemy import Connection, create_engine, event
from sqlalchemy.pool import NullPool

from safelight.adapters.records.engine import BUSY_TIMEOUT_MS, storage_failures
from safelight.adapters.records.revisions import config_for, lacking, present_in

PRIVATE = 0o600
"""The records are for their owner's eyes."""


def migrate(path: Path) -> None:
    """Create the database at `path`, or bring it to the present revision.

    Raises StorageFailed; then nothing has changed.
    """
    path.touch(mode=PRIVATE)
    with _connected(path, mode="rw", begin="BEGIN IMMEDIATE") as connection:
        if lacking(present_in(connection)):
            command.upgrade(config_for(connection), "head")
        connection.commit()


def pending_migrations(path: Path) -> tuple[str, ...]:
    """Return the revisions that the database lacks, in order; all of them where there is no database."""
    return lacking(present_revision(path) if path.exists() else None)


def present_revision(path: Path) -> str | None:
    """Return the revision of the database at `path`; None where it has no tables. Raises StorageFailed."""
    with _connected(path, mode="ro", begin="BEGIN") as connection:
        return present_in(connection)


@contextmanager
def _connected(path: Path, *, mode: str, begin: str) -> Iterator[Connection]:
    uri = f"{path.resolve().as_uri()}?mode={mode}"
    engine = create_engine(
        "sqlite://",
        creator=lambda: sqlite3.connect(uri, uri=True, isolation_level=None, timeout=BUSY_TIMEOUT_MS / 1000),
        poolclass=NullPool,
        hide_parameters=True,
    )

    @event.listens_for(engine, "begin")
    def on_begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    with storage_failures(), engine.connect() as connection:
        yield connection
