"""Brings a database to the present tables, whole or not at all; any number of processes may try at once."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, event
from sqlalchemy.pool import NullPool

from safelight.adapters.records.engine import BUSY_TIMEOUT_MS, storage_failures
from safelight.domain.errors import StorageFailed

MIGRATIONS = Path(__file__).parent / "migrations"
PRIVATE = 0o600
"""The records are for their owner's eyes."""


def migrate(path: Path) -> None:
    """Create the database at `path`, or bring it to the present revision.

    Raises StorageFailed; then nothing has changed.
    """
    path.touch(mode=PRIVATE)
    with _connected(path, mode="rw", begin="BEGIN IMMEDIATE") as connection:
        see_that_it_is_known(connection)
        command.upgrade(config_for(connection), "head")
        connection.commit()


def pending_migrations(path: Path) -> tuple[str, ...]:
    """Return the revisions that the database lacks, in order; all of them where there is no database."""
    if not path.exists():
        return _missing_from(None)
    with _connected(path, mode="ro", begin="BEGIN") as connection:
        return lacking(connection)


def present_revision(path: Path) -> str | None:
    """Return the revision of the database at `path`; None where it has no tables. Raises StorageFailed as above."""
    with _connected(path, mode="ro", begin="BEGIN") as connection:
        return see_that_it_is_known(connection)


def lacking(connection: Connection) -> tuple[str, ...]:
    """Return the revisions that the database lacks, in order. Raises StorageFailed as `see_that_it_is_known`."""
    return _missing_from(see_that_it_is_known(connection))


def _missing_from(present: str | None) -> tuple[str, ...]:
    revisions = ScriptDirectory.from_config(config_for()).iterate_revisions("head", present or "base")
    return tuple(revision.revision for revision in reversed(list(revisions)))


def see_that_it_is_known(connection: Connection) -> str | None:
    """Return the database's revision. Raises StorageFailed where it comes from a later Safelight."""
    present = MigrationContext.configure(connection).get_current_revision()
    known = {revision.revision for revision in ScriptDirectory.from_config(config_for()).walk_revisions()}
    if present not in {None, *known}:
        raise StorageFailed(f"the database is of revision {present}, made by a later version of Safelight")
    return present


def config_for(connection: Connection | None = None) -> Config:
    """Return what Alembic is to know: where the revisions are, and the connection that its caller commits."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


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
