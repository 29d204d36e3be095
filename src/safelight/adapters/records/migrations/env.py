"""Runs the revisions on the connection that is passed in.

On SQLite its caller has begun a transaction, and all revisions are in that one. On Postgres each has its own: what one
of them locks is free before the next begins.
"""

from alembic import context
from alembic.runtime.migration import MigrationContext, MigrationInfo
from alembic.script import Script

from safelight.adapters.records.tables import metadata, supported


def note_what_is_supported(ctx: MigrationContext, step: MigrationInfo, *_: object, **__: object) -> None:
    """Note, with the revision itself, the oldest one whose code can go on working meanwhile."""
    script = step.up_revision
    if isinstance(script, Script) and (oldest := getattr(script.module, "SUPPORTS", None)):
        ctx.impl.execute(supported.delete())
        ctx.impl.execute(supported.insert().values(oldest=oldest))


context.configure(
    connection=context.config.attributes["connection"],
    dialect_name=context.config.attributes.get("dialect"),
    target_metadata=metadata,
    transaction_per_migration=True,
    on_version_apply=note_what_is_supported,
)
with context.begin_transaction():
    context.run_migrations()
