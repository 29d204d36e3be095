"""Every query of the port is served by an index: no list and no upkeep reads all images."""

import re
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncConnection

from record_work import WORK, Work
from safelight.adapters.records.engine import SqliteDatabase
from safelight.adapters.records.outbox import AfterCommit
from safelight.adapters.records.transaction import SqlTransaction
from safelight.domain.image import ImageId
from safelight.testing.fakes import RecordingJobs
from safelight.testing.samples import new_image

EXCUSED = {
    "inserts have no plan": {"add_api_key", "add_delivery", "audit", "claim an answer"},
    "a table of few rows": {"api_keys", "every_declared"},
    "sorts what one record, or one page, has": {"attached", "attached of a kind", "attach", "shown"},
    "in the order of the primary key": {"page 0", "audit_log 0", "audit_latest 0"},
    "by time, or of one owner, and then in order": {
        *(f"audit_{which} {number}" for which in ("log", "latest") for number in (1, 2, 3))
    },
}
"""Work that is not to be judged by these words of SQLite, and why; Postgres counts the rows (test_postgres_plans)."""

JUDGED = sorted(set(WORK).difference(*EXCUSED.values()))


@pytest.fixture
async def connection(database: Path) -> AsyncIterator[AsyncConnection]:
    opened = SqliteDatabase(database)
    try:
        async with opened.writing() as connection:
            yield connection
    finally:
        await opened.close()


async def plans(connection: AsyncConnection, work: Work) -> list[str]:
    """Return how SQLite goes about each statement of `work`."""
    tx = SqlTransaction(connection, AfterCommit(RecordingJobs()))
    await tx.add(new_image())
    statements: list[tuple[str, Sequence[Any]]] = []

    def listen(_connection: object, _cursor: object, statement: str, parameters: Sequence[Any], *_: object) -> None:
        statements.append((statement, parameters))

    event.listen(connection.sync_connection, "before_cursor_execute", listen)
    await work(tx)
    event.remove(connection.sync_connection, "before_cursor_execute", listen)
    explained = [
        await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", tuple(parameters))
        for statement, parameters in statements
    ]
    return [row.detail for rows in explained for row in rows]


@pytest.mark.parametrize("name", JUDGED)
async def test_no_work_reads_or_sorts_a_whole_table(connection: AsyncConnection, name: str) -> None:
    steps = await plans(connection, WORK[name])

    assert steps
    # By the primary key backwards is how an unfiltered page is read, and the count reads the small index of states.
    # What is counted of a subquery, that one has limited; several counts are one row.
    whole = [
        step
        for step in steps
        if re.match(r"SCAN (?!\d|anon_|CONSTANT ROW)", step) and "USING COVERING INDEX" not in step
    ]
    assert whole == []
    assert [step for step in steps if "TEMP B-TREE" in step] == []


async def test_an_unserved_query_would_be_seen(connection: AsyncConnection) -> None:
    rows = await connection.execute(text("EXPLAIN QUERY PLAN SELECT * FROM image WHERE filename = 'x' ORDER BY color"))

    assert [row.detail for row in rows] == ["SCAN image", "USE TEMP B-TREE FOR ORDER BY"]


async def test_however_many_ids_no_query_has_more_parameters_than_sqlite_takes(connection: AsyncConnection) -> None:
    sent: list[int] = []

    def listen(_connection: object, _cursor: object, _statement: str, parameters: Sequence[Any], *_: object) -> None:
        sent.append(len(parameters))

    event.listen(connection.sync_connection, "before_cursor_execute", listen)
    tx = SqlTransaction(connection, AfterCommit(RecordingJobs()))
    ids = [ImageId(f"{number:032x}") for number in range(40_000)]
    await tx.images(ids)
    await tx.renditions_of(ids)
    event.remove(connection.sync_connection, "before_cursor_execute", listen)

    assert sum(sent) >= 2 * len(ids)
    assert max(sent) <= 32_766
