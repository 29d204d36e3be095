"""Runs statements within one transaction, and knows the one insert that each dialect says in its own way."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import CursorResult, Delete, Executable, Table, Update, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from safelight.adapters.records.rows import Values
from safelight.domain.to_its_end import to_its_end

Insert = sqlite.Insert | postgresql.Insert

INSERTS: dict[str, Callable[[Table], Insert]] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
"""The same `insert`, of which each dialect has its own that knows of conflicts."""


NAMES = 0x5AFE
"""The first half of the keys of the advisory locks that names are; what others lock has other halves, or none."""


class Statements:
    """A connection, whose owner begins and ends the transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def execute(
        self, statement: Executable, values: Values | list[Values] | None = None
    ) -> CursorResult[*tuple[Any, ...]]:
        """Run one statement, to its end however often the caller is cancelled; once for each of several values."""
        return await to_its_end(self._connection.execute(statement, values))

    async def did(self, change: Update | Delete | Insert) -> bool:
        """Run a change, and return whether it found anything to change."""
        return (await self.execute(change)).rowcount > 0

    async def lock_name(self, name: str) -> None:
        """Let nobody else lock this name until the transaction ends. Only one at a time writes to SQLite as it is."""
        if self._connection.dialect.name == "postgresql":
            await self.execute(select(func.pg_advisory_xact_lock(NAMES, func.hashtext(name))))

    def insert(self, table: Table) -> Insert:
        """Return an insert that can be told what to do about a row that is there already."""
        return INSERTS[self._connection.dialect.name](table)

    async def insert_new(self, table: Table, values: Values) -> bool:
        """Insert a row; False where one with its key is there, which stays as it is."""
        return await self.did(self.insert(table).values(values).on_conflict_do_nothing())
