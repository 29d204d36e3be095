"""Makes PgQueuer's tables, and brings them up to date."""

from sqlalchemy.ext.asyncio import AsyncConnection

from safelight.adapters.queue.driver import TransactionDriver
from safelight.adapters.queue.schema import HELD_INDEX, QUEUE, SETTINGS, queries_on

TELLS = f"""
    SELECT coalesce(bool_or(tgenabled <> 'D'), false) FROM pg_trigger
    WHERE tgname = '{SETTINGS.trigger}' AND tgrelid = '{QUEUE}'::regclass
"""  # noqa: S608 - our own names
"""Whether PgQueuer's trigger tells of changes: we do so ourselves (bell)."""


async def install_queue(connection: AsyncConnection) -> None:
    """Make PgQueuer's tables, or bring them up to what its present version wants; nothing where they are so.

    Whoever calls has the database's migrations to itself, and no transaction open: some of PgQueuer's changes cannot
    share one. Where it is cut off, the next call goes on from there.
    """
    for statement in (await queries_on(TransactionDriver(connection)).plan_upgrade()).statements:
        await connection.exec_driver_sql(statement)
    await connection.exec_driver_sql(HELD_INDEX)
    enabled = await connection.exec_driver_sql(TELLS)
    if enabled.scalar_one():
        await connection.exec_driver_sql(f"ALTER TABLE {QUEUE} DISABLE TRIGGER {SETTINGS.trigger}")
