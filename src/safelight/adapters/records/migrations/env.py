"""Runs the revisions on the connection that `migrate` passes in; its caller begins and ends the transaction."""

from alembic import context

from safelight.adapters.records.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
