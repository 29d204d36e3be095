"""On Postgres, revisions are not noticed: none rewrites or scans a table that others use, or keeps them from it."""

import re
from collections.abc import Iterator
from io import StringIO

import pytest
from alembic import command

from safelight.adapters.records.revisions import config_for

FIRST_ON_POSTGRES = "0003"
"""What is older than that was run on empty tables alone."""

HARMLESS = (
    r"BEGIN|COMMIT",
    r"SET lock_timeout .*",
    r"CREATE TABLE .*",
    r"(CREATE (UNIQUE )?INDEX|DROP INDEX) CONCURRENTLY .*",
    r"ALTER TABLE \w+ ADD COLUMN (?!.* NOT NULL).*",
    r"ALTER TABLE \w+ ADD COLUMN .* DEFAULT .* NOT NULL.*",
    r"ALTER TABLE \w+ ADD CONSTRAINT .* NOT VALID",
    r"ALTER TABLE \w+ VALIDATE CONSTRAINT .*",
    r"(UPDATE alembic_version|DELETE FROM supported|INSERT INTO supported) .*|DELETE FROM supported",
)
"""What a revision may do to a table that may be large, and what it does to our own small ones."""

OF_A_TABLE = re.compile(r"(?:CREATE (?:UNIQUE )?INDEX \w+ ON|ALTER TABLE|INSERT INTO) (\w+)")


def statements(script: str) -> Iterator[str]:
    """Yield the statements of a script, each on one line, without comments."""
    for statement in re.sub(r"--[^\n]*", "", script).split(";"):
        if words := statement.split():
            yield " ".join(words)


def noticed(script: str) -> list[str]:
    """Return the statements that others would notice. Of a new table nobody knows yet."""
    every = list(statements(script))
    new = {made[1] for one in every if (made := re.match(r"CREATE TABLE (\w+)", one))}
    return [
        one
        for one in every
        if not any(re.fullmatch(harmless, one) for harmless in HARMLESS)
        and not ((of := OF_A_TABLE.match(one)) and of[1] in new)
    ]


def test_revisions_since_there_were_records_on_postgres_are_not_noticed() -> None:
    config = config_for()
    config.attributes["dialect"] = "postgresql"
    config.output_buffer = StringIO()

    command.upgrade(config, f"{FIRST_ON_POSTGRES}:head", sql=True)

    script = config.output_buffer.getvalue()
    assert "CREATE TABLE declaration" in script
    assert noticed(script) == []


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE INDEX ix_image_x ON image (x)",
        "ALTER TABLE image ADD COLUMN x INTEGER NOT NULL",
        "ALTER TABLE image ALTER COLUMN owner TYPE TEXT",
        "ALTER TABLE image ADD CONSTRAINT c CHECK (x > 0)",
        "ALTER TABLE image DROP COLUMN x",
        "UPDATE image SET x = 1",
    ],
)
def test_what_would_be_noticed_is_found(statement: str) -> None:
    assert noticed(f"BEGIN; {statement}; COMMIT;") == [statement]


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE INDEX CONCURRENTLY ix_image_x ON image (x) WHERE x IS NOT NULL",
        "ALTER TABLE image ADD COLUMN x INTEGER",
        "ALTER TABLE image ADD COLUMN x INTEGER DEFAULT '0' NOT NULL",
        "ALTER TABLE image ADD CONSTRAINT c CHECK (x > 0) NOT VALID",
        "CREATE TABLE t (x INTEGER NOT NULL); CREATE INDEX ix_t ON t (x)",
    ],
)
def test_what_is_not_noticed_passes(statement: str) -> None:
    assert noticed(statement) == []
