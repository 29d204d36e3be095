"""What each revision left behind, on each database."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import asyncpg

DATA = Path(__file__).parent / "upgrade/data"

DUMPS = sorted(DATA.glob("*/*.sql"))

FIRST = {"sqlite": "0001", "postgres": "0003"}
"""The first revision that there were records of, by database."""


def since(revision: str) -> Sequence[Path]:
    """Return what this revision and later ones left behind."""
    return [dump for dump in DUMPS if dump.stem >= revision]


def named(dump: Path) -> str:
    """Return what a test of it is called."""
    return f"{dump.parent.name}-{dump.stem}"


def restore_sqlite(dump: Path, path: Path) -> None:
    """Make a SQLite file of it."""
    with closing(sqlite3.connect(path)) as database:
        database.executescript(dump.read_text())


def as_sql(dump: Path) -> str:
    """Return what a dump says."""
    return dump.read_text()


async def restore_postgres(dump: Path, url: str) -> None:
    """Fill an empty Postgres database with it."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(as_sql(dump))
    finally:
        await connection.close()
