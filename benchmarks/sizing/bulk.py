"""What images leave behind in Postgres: real rows, copied many times over, and how large the tables are then."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg

from safelight.domain.events import Action
from sizing.costs import AUDIT, TableSize

COPIES = 100_000
"""Enough that pages which are not full do not count."""

OF_AN_IMAGE = ("image", "rendition", "delivery", "audit_event", "place")
NEW_ID = "lpad(to_hex(1790000000000 + n), 12, '0') || '7' || substr(md5(n::text), 1, 19)"
"""As UUIDv7 grow with time: indexes fill up as they do in life."""

CHOSEN = f"""
    CREATE TEMP TABLE copied AS
    WITH known AS (SELECT id, row_number() OVER (ORDER BY id) AS place, count(*) OVER () AS many
                   FROM image WHERE state = 'ready')
    SELECT n, {NEW_ID} AS new, known.id AS old FROM generate_series(1, {COPIES}) AS n
    JOIN known ON place = 1 + n % many
"""  # noqa: S608 - our own words
SIZES = "SELECT pg_table_size($1::regclass), pg_indexes_size($1::regclass)"
CHANGES = """
    SELECT relname, n_tup_ins, n_tup_upd, n_tup_hot_upd, n_tup_del FROM pg_stat_user_tables
    WHERE n_tup_ins > 0 ORDER BY n_tup_ins + n_tup_upd + n_tup_del DESC
"""


@dataclass(frozen=True, slots=True)
class Changes:
    """What happened to the rows of one table, for each image. A `hot` update touches no index."""

    table: str
    inserted: float
    updated: float
    hot: float
    deleted: float


async def changes(connection: asyncpg.Connection, images: int) -> list[Changes]:
    """Return what so many images did to the tables so far."""
    return [
        Changes(
            row["relname"], *(row[name] / images for name in ("n_tup_ins", "n_tup_upd", "n_tup_hot_upd", "n_tup_del"))
        )
        for row in await connection.fetch(CHANGES)
    ]


async def sizes(connection: asyncpg.Connection) -> list[TableSize]:
    """Copy the images that are ready many times over, with all that belongs to them, and return what one takes."""
    await connection.execute(CHOSEN)
    return [await _size(connection, table) for table in OF_AN_IMAGE]


async def count_rows_a_second(connection: asyncpg.Connection) -> float:
    """Return how many images Postgres counts by their state in a second; what it needs is in memory."""
    await connection.execute("VACUUM ANALYZE image")
    for _ in range(2):
        began = time.perf_counter()
        rows = await connection.fetch("SELECT state, count(*) FROM image GROUP BY state")
    return float(sum(row["count"] for row in rows)) / (time.perf_counter() - began)


async def _size(connection: asyncpg.Connection, table: str) -> TableSize:
    names = await _columns(connection, table)
    before = await connection.fetchrow(SIZES, table)
    status = await connection.execute(_copy(table, names))
    after = await connection.fetchrow(SIZES, table)
    heap, indexes = ((after[place] - before[place]) / COPIES for place in (0, 1))
    return TableSize(table, int(status.split()[-1]) / COPIES, heap, indexes)


async def _columns(connection: asyncpg.Connection, table: str) -> Sequence[str]:
    """Return the columns of a table; without the number that Postgres gives itself."""
    rows = await connection.fetch(
        "SELECT column_name FROM information_schema.columns WHERE table_name = $1 AND table_schema = current_schema() "
        "AND NOT (table_name = 'audit_event' AND column_name = 'id') ORDER BY ordinal_position",
        table,
    )
    return [row["column_name"] for row in rows]


def _copy(table: str, names: Sequence[str]) -> str:
    """Return the statement that copies the rows of one table; in the order in which the images came."""
    anew = {
        ("image", "id"): "new",
        ("image", "attached_id"): "'post-' || n",
        ("delivery", "id"): "md5(new)",
        ("place", "id"): "'post-' || n",
    }
    values = [anew.get((table, name), "new" if name == "image_id" else f'"{table}"."{name}"') for name in names]
    joined = {
        "image": "image.id = old",
        "place": "(place.type, place.id) = (SELECT attached_type, attached_id FROM image WHERE image.id = old)",
    }.get(table, f"{table}.image_id = old")
    listed = ", ".join(f'"{name}"' for name in names)
    kept = f"WHERE action <> '{Action.VIEWED}'" if table == AUDIT else ""
    return f"""
        INSERT INTO {table} ({listed}) SELECT {", ".join(values)} FROM copied JOIN {table} ON {joined} {kept} ORDER BY n
    """  # noqa: S608 - our own words, and the names of columns
