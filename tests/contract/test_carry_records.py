"""Records that are carried from SQLite to Postgres are there as they were, every one of them; or none is."""

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from left_behind import DUMPS, restore_sqlite
from safelight.adapters.records.carry import NotCarried, Progress, carry_records, see_that_it_fits, see_that_it_is_empty
from safelight.adapters.records.outbox import after_commit
from safelight.adapters.records.postgres import open_postgres_records
from safelight.domain.errors import StorageFailed
from safelight.domain.events import Action, AuditEvent
from safelight.ports.snapshot import AuditFilter
from safelight.testing.fakes import NOW, RecordingJobs

NEWEST = [dump for dump in DUMPS if dump.parent.name == "sqlite"][-1]

OF_THE_TABLES = {"alembic_version", "supported"}
"""They tell of the tables, and come with them."""

ODD = ("", " ", "'\"\\", "\\N", "a\tb\r\n\x01", "Zoë 写真 🖼", "e\u0301", "\ufffe\U0010ffff", "x" * 1_000_000)
"""Texts that have been lost, or changed, on the way between some databases."""

MOMENTS = ("0999-01-01 00:00:00.000001", "1969-12-31 23:59:59.999999", "9999-12-30 23:59:59.999999")
BLOBS = (None, b"", bytes(range(256)) * 300)

SILENT = Progress(found=lambda _rows: None, done=lambda _what, _rows: None)

END_OTHERS = """
    SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""

BROKEN_OFF = {
    "copying image": "the table image could not be carried",
    "comparing image": "the database says",
}
"""What is said of a connection that ended at that moment."""

TOO_MUCH = {
    "too long": ("UPDATE image SET sha256 = hex(zeroblob(40)) WHERE sha256 IS NOT NULL", "image"),
    "too large": ("UPDATE owner SET images = 1 << 40", "owner"),
}
"""What SQLite takes and Postgres does not, by a statement that makes it, and the table."""


@pytest.fixture
def source(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """A database with rows in every table, of which the server was killed: a part is in the write-ahead log alone."""
    restore_sqlite(NEWEST, tmp_path / "records.db")
    with closing(sqlite3.connect(tmp_path / "records.db", isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode=WAL")
        yield database


@pytest.fixture
def carry(source: sqlite3.Connection, tmp_path: Path, postgres_url: str) -> Callable[..., Any]:
    """Carries them."""
    assert source.in_transaction is False
    return lambda progress=SILENT: carry_records(tmp_path / "records.db", postgres_url, progress=progress)


async def fetched(url: str, query: str) -> list[asyncpg.Record]:
    """Ask Postgres by its own driver alone."""
    connection = await asyncpg.connect(url)
    try:
        rows: list[asyncpg.Record] = await connection.fetch(query)
        return rows
    finally:
        await connection.close()


def tables_of(source: sqlite3.Connection) -> dict[str, list[str]]:
    """Return the columns of every table that there is."""
    names = [name for (name,) in source.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    return {
        name: [row[1] for row in source.execute(f"PRAGMA table_info({name})")]
        for name in names
        if name not in OF_THE_TABLES
    }


def as_sqlite_has_it(value: object) -> object:
    return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f").zfill(26) if isinstance(value, datetime) else value


def in_some_order(rows: Any) -> list[str]:
    return sorted(repr([int(value) if isinstance(value, bool) else value for value in row]) for row in rows)


async def see_that_all_is_there(source: sqlite3.Connection, url: str) -> None:
    for table, columns in tables_of(source).items():
        query = f"SELECT {', '.join(columns)} FROM {table}"  # noqa: S608 - the tables' own names
        there = [map(as_sqlite_has_it, row) for row in await fetched(url, query)]
        assert in_some_order(there) == in_some_order(source.execute(query)), table


async def see_that_nothing_is_there(source: sqlite3.Connection, url: str) -> None:
    for table in tables_of(source):
        assert await fetched(url, f"SELECT * FROM {table}") == [], table  # noqa: S608 - its own name


async def test_every_row_of_every_table_is_there_as_it_was(
    source: sqlite3.Connection, carry: Callable[..., Any], postgres_url: str
) -> None:
    """A table that is new is among them without being named here, as soon as `make_dump.py` puts a row into it."""
    rows = {table: source.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables_of(source)}  # noqa: S608

    carried = await carry()

    assert all(rows.values()), "tests/upgrade/make_dump.py leaves a table empty"
    assert {tally.table: tally.rows for tally in carried} == rows
    await see_that_all_is_there(source, postgres_url)


async def test_texts_numbers_moments_and_blobs_come_out_as_they_went_in(
    source: sqlite3.Connection, carry: Callable[..., Any], postgres_url: str
) -> None:
    for number, odd in enumerate(ODD):
        at, blob = MOMENTS[number % 3], BLOBS[number % 3]
        source.execute("INSERT INTO owner VALUES (?, ?, ?, 0, ?, 7, ?)", (odd[:99], 2**31 - 1, 2**63 - 1, -(2**63), at))
        source.execute("INSERT INTO answer VALUES (?, ?, ?, ?, ?, ?)", (odd[:99], "", "d" * 64, at, at, blob))
        source.execute("INSERT INTO audit_event (at, action, actor, result) VALUES (?, ?, '', ?)", (at, odd[:99], odd))

    await carry()

    await see_that_all_is_there(source, postgres_url)


async def test_events_are_numbered_on_from_the_last_that_was_carried(
    source: sqlite3.Connection, carry: Callable[..., Any], postgres_url: str
) -> None:
    source.execute("UPDATE audit_event SET id = 1000000")

    await carry()

    async with open_postgres_records(postgres_url, after_commit(RecordingJobs())) as records:
        async with records.transaction() as tx:
            await tx.audit(AuditEvent(NOW, Action.READY, "system"))
        async with records.reading() as snapshot:
            log = await snapshot.audit_log(AuditFilter(), after=None, limit=10)
    assert [number for number, _ in log] == [1_000_000, 1_000_001]


async def test_it_is_told_how_far_it_is(source: sqlite3.Connection, carry: Callable[..., Any]) -> None:
    """Every row is gone through twice: it is copied, and compared."""
    source.execute("DELETE FROM place")
    source.executemany("INSERT INTO place VALUES ('post', ?, 'avatar', 0)", [(str(number),) for number in range(2500)])
    told: list[tuple[str, int]] = []
    found: list[int] = []

    carried = await carry(Progress(found.append, lambda what, rows: told.append((what, rows))))

    assert found == [2 * sum(tally.rows for tally in carried)] == [sum(rows for _, rows in told)]
    assert [rows for what, rows in told if what == "copying place"] == [1000, 1000, 500]


@pytest.mark.parametrize(("change", "table"), TOO_MUCH.values(), ids=TOO_MUCH)
async def test_where_postgres_does_not_take_a_row_its_table_is_told_and_none_is_carried(
    change: str, table: str, source: sqlite3.Connection, carry: Callable[..., Any], postgres_url: str
) -> None:
    source.execute(change)

    with pytest.raises(StorageFailed, match=f"the table {table} could not be carried"):
        await carry()

    await see_that_nothing_is_there(source, postgres_url)


async def test_what_postgres_gives_back_otherwise_is_noticed_and_none_is_carried(
    source: sqlite3.Connection, carry: Callable[..., Any], postgres_url: str
) -> None:
    alter = "BEGIN NEW.name = upper(NEW.name); RETURN NEW; END"
    await fetched(postgres_url, f"CREATE FUNCTION alter_it() RETURNS trigger LANGUAGE plpgsql AS '{alter}'")
    await fetched(
        postgres_url, "CREATE TRIGGER altered BEFORE INSERT ON api_key FOR EACH ROW EXECUTE FUNCTION alter_it()"
    )

    with pytest.raises(StorageFailed, match="gives back 2 rows of the table api_key that are not the 2"):
        await carry()

    await see_that_nothing_is_there(source, postgres_url)


@pytest.mark.parametrize(("moment", "said"), BROKEN_OFF.items())
async def test_where_the_connection_ends_in_the_middle_that_is_told_and_none_is_carried(
    moment: str, said: str, source: sqlite3.Connection, carry: Callable[..., Any], postgres_url: str
) -> None:
    def end_it(what: str, _rows: int) -> None:
        if what == moment:
            with ThreadPoolExecutor(1) as apart:
                apart.submit(asyncio.run, fetched(postgres_url, END_OTHERS)).result()

    with pytest.raises(StorageFailed, match=said):
        await carry(Progress(lambda _rows: None, end_it))

    await see_that_nothing_is_there(source, postgres_url)


async def test_of_two_at_once_one_carries_and_the_other_is_refused(
    source: sqlite3.Connection, carry: Callable[..., Any], postgres_url: str
) -> None:
    one, other = await asyncio.gather(carry(), carry(), return_exceptions=True)

    assert {type(one), type(other)} == {list, NotCarried}
    await see_that_all_is_there(source, postgres_url)


async def test_a_database_with_a_single_record_is_refused_and_the_record_named(
    carry: Callable[..., Any], postgres_url: str
) -> None:
    await fetched(postgres_url, "INSERT INTO place VALUES ('post', '1', 'avatar', 0)")

    with pytest.raises(NotCarried, match=r"some already, in: place\. .*createdb"):
        await see_that_it_is_empty(postgres_url)
    with pytest.raises(NotCarried, match="place"):
        await carry()


async def test_texts_that_postgres_takes_nowhere_are_named_by_table_column_and_row(
    source: sqlite3.Connection, tmp_path: Path
) -> None:
    await see_that_it_fits(tmp_path / "records.db")
    source.execute("UPDATE audit_event SET id = 7, target = 'a' || char(0) || 'b', owner = char(0)")
    source.execute("UPDATE image SET filename = 'a' || char(0) WHERE rowid = 3")

    with pytest.raises(NotCarried, match=r"U\+0000") as refused:
        await see_that_it_fits(tmp_path / "records.db")

    for where in ("audit_event.owner of rowid 7", "audit_event.target of rowid 7", "image.filename of rowid 3"):
        assert where in str(refused.value)
    assert str(refused.value).count("rowid") == 3
