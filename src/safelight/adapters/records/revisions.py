"""What this version knows of revisions: which there are, which a database has, and whether it can work on that one."""

from pathlib import Path

from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, select

from safelight.adapters.records.tables import supported
from safelight.domain.errors import StorageFailed

MIGRATIONS = Path(__file__).parent / "migrations"


def present_in(connection: Connection) -> str | None:
    """Return the revision of a database; None where it has no tables.

    One that a later Safelight made is fine while it supports this version. Raises StorageFailed where it does not.
    """
    present = MigrationContext.configure(connection).get_current_revision()
    if present in {None, *every_revision()} or _oldest_supported(connection) in every_revision():
        return present
    raise StorageFailed(
        f"the database is of revision {present}, made by a later version of Safelight, and this one cannot work on it "
        "any more",
        "Install that version here as well",
    )


def lacking(present: str | None) -> tuple[str, ...]:
    """Return the revisions that a database lacks, in order. One of a later version lacks none."""
    every = every_revision()
    if present is None:
        return every
    return every[every.index(present) + 1 :] if present in every else ()


def every_revision() -> tuple[str, ...]:
    """Return every revision that this version knows, oldest first."""
    scripts = ScriptDirectory.from_config(config_for())
    return tuple(script.revision for script in reversed(list(scripts.walk_revisions())))


def config_for(connection: Connection | None = None) -> Config:
    """Return what Alembic is to know: where the revisions are, and the connection to run them on."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _oldest_supported(connection: Connection) -> str | None:
    """Return the oldest revision whose code can work on this database, where it says so."""
    if not inspect(connection).has_table(supported.name):
        return None
    return connection.execute(select(supported.c.oldest)).scalar()
