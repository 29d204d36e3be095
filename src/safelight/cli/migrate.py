"""`safelight migrate`: bring the embedded database to the tables of this version."""

from safelight.apps.data_folder import migrate_data
from safelight.apps.database import DATABASE_FILE
from safelight.cli.options import Data, settings
from safelight.cli.tell import errors_told, out


def migrate(data: Data = None) -> None:
    """Make the database, or bring it to the tables of this version. `safelight up` does so by itself."""
    using = settings(data=data)
    folder = using.data
    with errors_told(using):
        lacking = migrate_data(folder)
    if lacking:
        out.print(f"Migrated {folder / DATABASE_FILE}: revisions {', '.join(lacking)}")
    else:
        out.print(f"{folder / DATABASE_FILE} is up to date: nothing to do")
