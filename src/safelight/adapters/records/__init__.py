"""Records on SQLAlchemy Core: the same tables and queries on SQLite and, later, on Postgres.

`migrate` makes the tables, `store` opens the records, `backup` copies them while they are in use.
"""
