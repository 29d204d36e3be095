"""Opens what lies in a data folder for a command that works beside the server, whether one runs or not."""

import os
from collections.abc import Sequence
from pathlib import Path

from safelight.adapters.records.migrate import migrate, pending_migrations
from safelight.apps.database import DATABASE_FILE
from safelight.apps.lack import Lack
from safelight.apps.lock import data_lock
from safelight.apps.storage import OBJECTS_FOLDER

ON_POSTGRES = "records-on-postgres"
"""File of a data folder that was served with records on Postgres."""


class DataNotReady(Exception):
    """The data folder cannot serve this command. The text says why, and what to do."""


def migrate_data(folder: Path) -> Sequence[str]:
    """Make the folder and its database, or bring the database to head; return the revisions that it lacked.

    Raises DataInUse where revisions are lacking and a server runs: it would meet tables that it does not know.
    Raises StorageFailed, OSError.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    database = folder / DATABASE_FILE
    lacking = pending_migrations(database)
    if lacking:
        with data_lock(folder):
            migrate(database)
    return lacking


def database_in(folder: Path) -> Path:
    """Return the folder's database. Raises DataNotReady where there is none, an old one, or one that is out of use."""
    if elsewhere := records_elsewhere(folder):
        raise DataNotReady(str(elsewhere))
    database = folder / DATABASE_FILE
    if not database.exists():
        raise DataNotReady(f"There is no Safelight in {folder}. Name its folder, or make one: {_migrate(folder)}")
    if pending_migrations(database):
        raise DataNotReady(
            f"The database in {folder} is of an earlier version. Stop the server, then: {_migrate(folder)}"
        )
    return database


def remember_postgres(folder: Path) -> None:
    """Note that the folder is served with records on Postgres, so that the next start cannot forget it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / ON_POSTGRES).touch()


def records_elsewhere(folder: Path) -> Lack | None:
    """Return what to do where the folder was served with records on Postgres; None where it was not.

    Its own know nothing of what came since, and a sweep would remove that.
    """
    if not (folder / ON_POSTGRES).exists():
        return None
    return Lack(
        f"{folder} was last served with records on Postgres",
        "Name that database: SAFELIGHT_DATABASE_URL. To go back to the folder's own records, and lose what came since, "
        f"remove {folder / ON_POSTGRES}",
    )


def records_left_behind(folder: Path) -> Lack:
    """Return what to do where the folder's own records have images, and the Postgres that is named has none.

    A sweep would remove their objects.
    """
    return Lack(
        f"{folder} has a database of its own with images, and that of SAFELIGHT_DATABASE_URL has none",
        f"Carry them over, while no server runs: safelight records migrate --from {folder}. To begin without them, "
        f"take {folder / DATABASE_FILE} and {folder / OBJECTS_FOLDER} away",
    )


def see_that_it_is_ours(folder: Path) -> None:
    """Raise DataNotReady where the folder is another user's, who could not read the objects that we would write."""
    uid = folder.stat().st_uid
    if uid != os.geteuid():
        raise DataNotReady(f"{folder} belongs to user {uid}. Run this as that user: sudo -u '#{uid}' safelight ...")


def _migrate(folder: Path) -> str:
    return f"safelight migrate --data {folder}"
