"""The history of the tables, as Alembic reads it. A revision that was released is never changed."""
