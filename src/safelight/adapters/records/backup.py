"""Copies the database while it is in use."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from safelight.adapters.records.engine import BUSY_TIMEOUT_MS
from safelight.domain.errors import StorageFailed

PRIVATE = 0o600


def backup(path: Path, target: Path) -> None:
    """Write a consistent copy of the database at `path` to `target`, whole and durably or not at all.

    Reads one state of the database in one go, by SQLite's backup interface; writers are not held up. Raises
    StorageFailed, also where `target` exists.
    """
    unfinished = target.with_name(f"{target.name}.unfinished")
    try:
        os.close(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE))
        try:
            _copy(path, unfinished)
            os.link(unfinished, target)
        finally:
            unfinished.unlink()
    except (OSError, sqlite3.Error) as error:
        raise StorageFailed(f"{path} cannot be copied to {target}: {error}") from error


def _copy(path: Path, target: Path) -> None:
    source_uri = f"{path.resolve().as_uri()}?mode=ro"
    with (
        closing(sqlite3.connect(source_uri, uri=True, timeout=BUSY_TIMEOUT_MS / 1000)) as source,
        closing(sqlite3.connect(target)) as copy,
    ):
        source.backup(copy)
        copy.execute("PRAGMA journal_mode=DELETE")  # one file, without a log beside it
    with target.open("rb") as written:
        os.fsync(written.fileno())
