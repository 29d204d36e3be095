"""What revisions do to a table that is in use."""

from collections.abc import Sequence
from datetime import timedelta

import sqlalchemy as sa
from alembic import op

LOCK_WITHIN = timedelta(seconds=2)
"""How long a revision waits for a lock, on Postgres: as long as that, everybody else waits behind it."""


def create_index(
    name: str, table: str, columns: Sequence[str], *, where: sa.ColumnElement[bool] | sa.TextClause | None = None
) -> None:
    """Make an index while others read and write: the last thing of a revision, because what is before it is committed.

    It waits for transactions that run already, and nobody waits for it. One that was left half-made is made anew.
    """
    context = op.get_context()
    if context.dialect.name != "postgresql":
        op.create_index(name, table, columns, sqlite_where=where)
        return
    with context.autocommit_block():
        op.execute("SET lock_timeout = 0")
        op.drop_index(name, table, if_exists=True, postgresql_concurrently=True)
        op.create_index(name, table, columns, postgresql_where=where, postgresql_concurrently=True)
        op.execute(f"SET lock_timeout = {milliseconds(LOCK_WITHIN)}")


def milliseconds(time: timedelta) -> int:
    """Return what Postgres's settings count in."""
    return time // timedelta(milliseconds=1)
