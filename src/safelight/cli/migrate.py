"""`safelight migrate`: bring the database to the tables of this version, in the data folder or on Postgres."""

import asyncio
from collections.abc import Sequence

from safelight.apps.data_folder import migrate_data
from safelight.apps.database import DATABASE_FILE, migrate_database
from safelight.cli.options import Data, settings
from safelight.cli.tell import errors_told, out
from safelight.settings import Settings


def migrate(data: Data = None) -> None:
    """Make the database, or bring it to the tables of this version. `safelight up` does so by itself.

    On Postgres the old version goes on working meanwhile: migrate first, then replace the processes one by one.
    """
    using = settings(data=data)
    with errors_told(using):
        lacking, where = _migrated(using)
    if lacking:
        out.print(f"Migrated {where}: revisions {', '.join(lacking)}")
    else:
        out.print(f"{where[0].upper()}{where[1:]} is up to date: nothing to do")


def _migrated(using: Settings) -> tuple[Sequence[str], str]:
    """Return the revisions that were lacking, and what lacked them."""
    if using.database_url is None:
        return migrate_data(using.data), str(using.data / DATABASE_FILE)
    return asyncio.run(migrate_database(using)), "the database of SAFELIGHT_DATABASE_URL"
