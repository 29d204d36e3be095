"""Carries all records from a SQLite database to a Postgres one that has none, in one transaction: all of them or none.

They go by COPY, are read back, and are compared: by their number, and by a digest of what both databases make of them.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
from sqlalchemy import Select, String, Table, column, exists, func, inspect, or_, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from safelight.adapters.records.engine import SqliteDatabase
from safelight.adapters.records.postgres import one_session
from safelight.adapters.records.tables import image, metadata, supported
from safelight.domain.errors import StorageFailed

RECORDS = tuple(table for table in metadata.sorted_tables if table is not supported)
"""Every table but `supported`, which tells of the tables themselves; each after those that it refers to."""

BATCH = 1_000
"""Rows in memory at once."""

MOST_NAMED = 20
"""Rows of each table that are named where Postgres cannot take them."""

DIGEST_BYTES = 16


class NotCarried(Exception):
    """The records cannot be carried, and none was. The text says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Hears how many rows are to be gone through, and then how many more are done, with what is being done."""

    found: Callable[[int], None]
    done: Callable[[str, int], None]


@dataclass(slots=True)
class Tally:
    """How many rows a table has, and a digest of all of them, in whatever order they come."""

    table: str
    rows: int = 0
    digest: int = 0

    def add(self, row: Sequence[Any]) -> None:
        """Count a row."""
        hashed = blake2b(msgspec.msgpack.encode(row), digest_size=DIGEST_BYTES)
        self.rows += 1
        self.digest = (self.digest + int.from_bytes(hashed.digest())) % 2 ** (8 * DIGEST_BYTES)


async def see_that_it_fits(path: Path) -> None:
    """Raise NotCarried where a text at `path` has the character U+0000, which Postgres takes nowhere."""
    async with _reading(path) as source:
        unfit = [where for table in RECORDS for where in await _with_nul(table, source)]
    if unfit:
        raise NotCarried(
            f"Postgres takes no text with the character U+0000, and some of {path} have it: {', '.join(unfit)}. "
            "Change these texts, or remove the rows, with sqlite3 while no server runs; then run this again"
        )


async def see_that_it_is_empty(url: str) -> None:
    """Raise NotCarried where there is a record in the database. It may have no tables yet. Raises StorageFailed."""
    async with one_session(url) as target:
        await _see_empty(target)


async def is_left_behind(path: Path, url: str) -> bool:
    """Whether there are images in the database at `path`, and none in that at `url`. Raises StorageFailed."""
    if not path.exists():  # noqa: ASYNC240 - once, at the start
        return False
    async with _reading(path) as source:
        if not await _has_images(source):
            return False
    async with one_session(url) as target:
        return not await _has_images(target)


async def carry_records(path: Path, url: str, *, progress: Progress) -> Sequence[Tally]:
    """Carry every record from the database at `path` to that at `url`; both must be at the present revision.

    Nobody else writes to the target meanwhile, and nobody may to the source: what is written after the beginning stays
    there. Return what was carried of each table. Raises NotCarried where the target has a record, StorageFailed; then
    the target is as it was.
    """
    async with _reading(path) as source, one_session(url) as target:
        progress.found(2 * sum([await _count(table, source) for table in RECORDS]))
        await target.execute(text(f"LOCK TABLE {_names()} IN SHARE ROW EXCLUSIVE MODE"))
        await _see_empty(target)
        carried = [await _copy(table, source, target, progress) for table in RECORDS]
        for table, sent in zip(RECORDS, carried, strict=True):
            await _compare(table, sent, target, progress)
            await _number_on(table, target)
        await target.execute(text(f"ANALYZE {_names()}"))
        await target.commit()
    return carried


@asynccontextmanager
async def _reading(path: Path) -> AsyncIterator[AsyncConnection]:
    database = SqliteDatabase(path)
    try:
        async with database.reading() as connection:
            yield connection
    finally:
        await database.close()


async def _with_nul(table: Table, source: AsyncConnection) -> Sequence[str]:
    """Return where the first such texts are: table, column and row."""
    texts = [one for one in table.c if isinstance(one.type, String)]
    has_nul = [func.instr(one, func.char(0)) > 0 for one in texts]
    rows: Select[*tuple[Any, ...]] = (
        select(column("rowid"), *has_nul).select_from(table).where(or_(*has_nul)).limit(MOST_NAMED)
    )
    return [
        f"{table.name}.{one.name} of rowid {number}"
        for number, *found in await source.execute(rows)
        for one, is_there in zip(texts, found, strict=True)
        if is_there
    ]


async def _has_images(connection: AsyncConnection) -> bool:
    has_table = await connection.run_sync(lambda one: inspect(one).has_table(image.name))
    return has_table and bool(await connection.scalar(select(exists().select_from(image))))


async def _see_empty(target: AsyncConnection) -> None:
    present = await target.run_sync(lambda connection: inspect(connection).get_table_names())
    tables = [table for table in RECORDS if table.name in present]
    filled = [table.name for table in tables if await target.scalar(select(exists().select_from(table)))]
    if filled:
        raise NotCarried(
            f"Records are carried to an empty database, and this one has some already, in: {', '.join(filled)}. Make "
            "another, createdb NAME, and name that; or make this one anew, where nothing in it is wanted"
        )


async def _count(table: Table, source: AsyncConnection) -> int:
    return int(await source.scalar(select(func.count()).select_from(table)) or 0)


async def _copy(table: Table, source: AsyncConnection, target: AsyncConnection, progress: Progress) -> Tally:
    tally, columns = Tally(table.name), [one.name for one in table.c]
    wire: Any = (await target.get_raw_connection()).driver_connection
    rows = _rows(table, source, tally, partial(progress.done, f"copying {table.name}"))
    async with _told_of(table, target), aclosing(rows):
        await wire.copy_records_to_table(table.name, records=rows, columns=columns)
    return tally


async def _compare(table: Table, sent: Tally, target: AsyncConnection, progress: Progress) -> None:
    """Raise StorageFailed where Postgres does not give back what it was given."""
    landed = Tally(table.name)
    async for _ in _rows(table, target, landed, partial(progress.done, f"comparing {table.name}")):
        pass
    if landed != sent:
        raise StorageFailed(
            f"Postgres gives back {landed.rows:,} rows of the table {table.name} that are not the {sent.rows:,} which "
            "were copied to it, so nothing was carried",
            "Run it again; where it comes back, tell the makers of Safelight",
        )


async def _rows(
    table: Table, connection: AsyncConnection, tally: Tally, done: Callable[[int], None]
) -> AsyncGenerator[Sequence[Any]]:
    """Yield the rows of a table, some of them in memory at a time, and count them."""
    async with connection.stream(select(table)) as result:
        async for some in result.partitions(BATCH):
            for row in map(tuple, some):
                tally.add(row)
                yield row
            done(len(some))


async def _number_on(table: Table, target: AsyncConnection) -> None:
    """Let the database go on numbering rows after those that were carried. No roll-back takes that back, or need to."""
    numbered = table.autoincrement_column
    if numbered is not None:
        sequence = func.pg_get_serial_sequence(table.name, numbered.name)
        await target.execute(select(func.setval(sequence, func.max(numbered))))


def _names() -> str:
    return ", ".join(f'"{table.name}"' for table in RECORDS)


@asynccontextmanager
async def _told_of(table: Table, target: AsyncConnection) -> AsyncIterator[None]:
    """Turn what the driver itself raises into StorageFailed, and end the session: that rolls back in any case."""
    try:
        yield
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OverflowError) as error:
        await target.invalidate(error)
        raise StorageFailed(
            f"the table {table.name} could not be carried, and nothing was: {error}", "Mend that, and run it again"
        ) from error
