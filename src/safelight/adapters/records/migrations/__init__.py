"""The revisions, oldest first, and the rules that keep them from being noticed while a service runs.

**Old and new run side by side.** Hosts are upgraded one by one, so a revision only adds what the version before it does
not miss: tables, indexes, columns that are nullable or have a constant default. It says `SUPPORTS`: the oldest revision
whose code goes on working on it. What is not used any more goes in two releases: the first stops using it, the second
removes it and says so in `SUPPORTS`. A process of an older version than that refuses to start.

**No table is locked for long.** On Postgres no revision waits for a lock longer than `LOCK_WITHIN`: whoever comes after
it would wait as well. Then all of it is undone and tried again. So a revision is short: it rewrites no table and reads
none. That is for upkeep, after it.

- An index on a table that may be large is made by `online.create_index`, as the last thing of its revision.
- A CHECK or a foreign key is added NOT VALID, and validated by a revision of its own.
- A column's type stays, and NULL stays allowed: another column takes its place.

`tests/unit/adapters/records/test_online.py` sees to what of this can be seen, and each revision comes with what it left
behind: `tests/upgrade/make_dump.py`.
"""
