"""The database file: whether it is there, whole, and of this version."""

from safelight.adapters.records.check import faults
from safelight.adapters.records.migrate import pending_migrations
from safelight.apps.data_folder import records_elsewhere
from safelight.apps.database import DATABASE_FILE
from safelight.apps.doctor.finding import Finding, Visit, fine, warning, wrong
from safelight.domain.errors import StorageFailed

RESTORE = "stop the server, keep a copy of the folder, and restore the last backup: safelight backup --help"


def database(visit: Visit) -> list[Finding]:
    """Let SQLite check the file, and compare its revision with what this version knows."""
    folder = visit.settings.data
    path = folder / DATABASE_FILE
    if elsewhere := records_elsewhere(folder):
        return wrong("database", elsewhere.seen, elsewhere.cure)
    if not path.exists():
        return warning("database", f"there is no {DATABASE_FILE} yet", f"safelight migrate --data {folder}")
    if found := faults(path):
        return wrong("database", f"it is damaged: {found[0]}", RESTORE.capitalize())
    try:
        lacking = pending_migrations(path)
    except StorageFailed as error:
        return wrong("database", error.reason, f"Install that later version again; or {RESTORE}")
    if lacking:
        return wrong(
            "database",
            f"it lacks the tables of this version: {', '.join(lacking)}",
            f"Stop the server, then: safelight migrate --data {folder}",
        )
    return fine("database", f"whole, and of this version; {path.stat().st_size / 1_000_000:,.1f} MB")
