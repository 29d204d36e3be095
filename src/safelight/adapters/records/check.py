"""Says whether a database file is whole."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from safelight.adapters.records.engine import BUSY_TIMEOUT_MS

MOST_FAULTS = 10


def faults(path: Path) -> Sequence[str]:
    """Return what is wrong with the file at `path`, in SQLite's words; nothing where it is whole.

    Reads all of it and changes nothing; others may write meanwhile.
    """
    uri = f"{path.resolve().as_uri()}?mode=ro"
    try:
        with closing(sqlite3.connect(uri, uri=True, timeout=BUSY_TIMEOUT_MS / 1000)) as database:
            found = [str(row[0]) for row in database.execute(f"PRAGMA quick_check({MOST_FAULTS})")]
    except sqlite3.Error as error:
        return [str(error)]
    return [] if found == ["ok"] else found
