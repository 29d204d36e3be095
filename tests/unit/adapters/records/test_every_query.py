"""What is judged of plans is all there is: no method of the port is left out of the work that they are judged by."""

import inspect
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from record_work import WHOLE, WORK
from safelight.adapters.records.engine import SqliteDatabase
from safelight.adapters.records.outbox import AfterCommit
from safelight.adapters.records.transaction import SqlTransaction
from safelight.testing.fakes import RecordingJobs
from safelight.testing.samples import new_image


class Noting:
    """Stands before an object, and notes which of its methods, and of its parts', are asked for."""

    def __init__(self, behind: object, asked: set[str], prefix: str = "") -> None:
        self._behind, self._asked, self._prefix = behind, asked, prefix

    def __getattr__(self, name: str) -> Any:
        found, full = getattr(self._behind, name), f"{self._prefix}{name}"
        if inspect.iscoroutinefunction(found):
            self._asked.add(full)
            return found
        return Noting(found, self._asked, f"{full}.")


@pytest.fixture
async def tx(database: Path) -> AsyncIterator[SqlTransaction]:
    """Where all work can be done, and nothing stays."""
    opened = SqliteDatabase(database)
    try:
        async with opened.writing() as connection:
            yield SqlTransaction(connection, AfterCommit(RecordingJobs()))
            await connection.rollback()
    finally:
        await opened.close()


def methods(one: object, prefix: str = "") -> set[str]:
    """Return the names of the coroutines that an object, and its parts, have to offer."""
    own = {prefix + name for name, _ in inspect.getmembers(one, inspect.iscoroutinefunction) if name[0] != "_"}
    parts = {name: part for name, part in vars(one).items() if name[0] != "_"}
    return own.union(*(methods(part, f"{prefix}{name}.") for name, part in parts.items()))


async def test_every_method_has_its_plans_judged(tx: SqlTransaction) -> None:
    asked: set[str] = set()
    await tx.add(new_image())
    for work in WORK.values():
        nested = await tx._run._connection.begin_nested()  # noqa: SLF001 - each work begins with the same records
        await work(Noting(tx, asked))  # type: ignore[arg-type]  # it stands for one
        await nested.rollback()

    # What is done by others' work alone is judged with it: an image is added first, and owners are released by moves.
    assert methods(tx) - asked == {"add", "owners.release", *WHOLE}
