"""Migrations are whole or not at all, whoever else tries at the same time."""

import re
import shutil
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from safelight.adapters.records import revisions
from safelight.adapters.records.migrate import migrate, pending_migrations, present_revision
from safelight.adapters.records.tables import metadata
from safelight.domain.errors import StorageFailed

FAILING = '''
"""A revision that breaks down half-way."""

from alembic import op

revision = "9999"
down_revision = "{head}"


def upgrade() -> None:
    op.execute("CREATE TABLE half (id INTEGER)")
    op.execute("INSERT INTO nowhere VALUES (1)")
'''

EVERY = revisions.every_revision()
HEAD = EVERY[-1]

COMMAS = re.compile(r",(?![^()]*(?:\([^()]*\)[^()]*)*\))")
"""Commas that stand in no parentheses."""

MIGRATE = """
import sys, pathlib
from safelight.adapters.records.migrate import migrate
migrate(pathlib.Path(sys.argv[1]))
"""


def schema(path: Path) -> dict[str, list[str]]:
    """Return the parts of tables and indexes as SQL, by name, whatever their order: a column can be added last only."""
    with closing(sqlite3.connect(path)) as database:
        rows = database.execute("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL").fetchall()
    return {name: parts_of(re.sub(r"\s+", " ", sql)) for name, sql in rows}


def parts_of(statement: str) -> list[str]:
    """Return what stands between the commas of a statement's outermost parentheses, and what stands around them."""
    head, _, rest = statement.partition("(")
    inside, _, tail = rest.rpartition(")")
    return [head.strip(), tail.strip(), *sorted(part.strip() for part in COMMAS.split(inside))]


@pytest.fixture
def with_a_failing_revision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copied = tmp_path / "migrations"
    shutil.copytree(revisions.MIGRATIONS, copied)
    (copied / "versions" / "rev_9999_failing.py").write_text(FAILING.format(head=HEAD))
    monkeypatch.setattr(revisions, "MIGRATIONS", copied)


def test_migrations_lead_to_the_tables_that_queries_know(tmp_path: Path) -> None:
    migrate(tmp_path / "migrated.db")
    engine = create_engine(f"sqlite:///{tmp_path / 'made.db'}")
    metadata.create_all(engine)
    engine.dispose()

    migrated = schema(tmp_path / "migrated.db")
    del migrated["alembic_version"]
    assert migrated == schema(tmp_path / "made.db")


def test_a_second_migration_changes_nothing(database: Path) -> None:
    before = database.read_bytes()

    migrate(database)

    assert database.read_bytes() == before


def test_a_database_is_its_owners_alone(database: Path) -> None:
    assert stat.S_IMODE(database.stat().st_mode) == 0o600


def test_any_path_will_do(tmp_path: Path) -> None:
    odd = tmp_path / "a folder with 100% odd? #names"
    odd.mkdir()

    migrate(odd / "r&d?mode=memory.db")

    assert [path.name for path in odd.iterdir()] == ["r&d?mode=memory.db"]
    assert pending_migrations(odd / "r&d?mode=memory.db") == ()


def test_what_is_missing_can_be_asked_for_without_making_anything(tmp_path: Path) -> None:
    nothing, empty = tmp_path / "nothing.db", tmp_path / "empty.db"
    empty.touch()

    assert pending_migrations(nothing) == pending_migrations(empty) == EVERY
    assert not nothing.exists()
    assert empty.stat().st_size == 0


def test_three_processes_at_once_all_succeed(tmp_path: Path) -> None:
    path = tmp_path / "records.db"
    command = [sys.executable, "-W", "error", "-c", MIGRATE, str(path)]

    running = [
        subprocess.Popen(command, stderr=subprocess.PIPE)  # noqa: S603 - this interpreter, and MIGRATE above
        for _ in range(3)
    ]
    errors = [process.communicate()[1] for process in running]

    assert [(process.returncode, error) for process, error in zip(running, errors, strict=True)] == [(0, b"")] * 3
    assert pending_migrations(path) == ()


@pytest.mark.usefixtures("with_a_failing_revision")
def test_a_migration_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(StorageFailed, match="nowhere"):
        migrate(tmp_path / "records.db")

    assert schema(tmp_path / "records.db") == {}
    assert pending_migrations(tmp_path / "records.db") == (*EVERY, "9999")


def test_a_migration_that_fails_leaves_an_older_database_as_it_was(
    database: Path, request: pytest.FixtureRequest
) -> None:
    before = schema(database)
    request.getfixturevalue("with_a_failing_revision")

    with pytest.raises(StorageFailed, match="nowhere"):
        migrate(database)

    assert schema(database) == before
    assert pending_migrations(database) == ("9999",)


def made_by_a_later_version(path: Path, *, that_supports: str) -> None:
    with closing(sqlite3.connect(path)) as later, later:
        later.execute("UPDATE alembic_version SET version_num = 'beyond'")
        later.execute("UPDATE supported SET oldest = ?", [that_supports])


def test_a_version_goes_on_while_a_later_one_supports_it(database: Path) -> None:
    made_by_a_later_version(database, that_supports=HEAD)
    before = database.read_bytes()

    migrate(database)

    assert database.read_bytes() == before
    assert pending_migrations(database) == ()
    assert present_revision(database) == "beyond"


def test_a_database_of_a_later_version_that_supports_this_one_no_more_is_refused(database: Path) -> None:
    made_by_a_later_version(database, that_supports="beyond")

    with pytest.raises(StorageFailed, match=r"beyond.*later version"):
        migrate(database)
    with pytest.raises(StorageFailed, match=r"beyond.*later version"):
        pending_migrations(database)


def test_each_revision_says_which_code_can_work_on_it(database: Path) -> None:
    scripts = ScriptDirectory.from_config(revisions.config_for())
    supports = {script.revision: getattr(script.module, "SUPPORTS", None) for script in scripts.walk_revisions()}

    assert {name for name, oldest in supports.items() if oldest is None} == {"0001", "0002", "0003"}
    assert all(oldest <= name for name, oldest in supports.items() if oldest is not None)
    with closing(sqlite3.connect(database)) as migrated:
        assert migrated.execute("SELECT oldest FROM supported").fetchall() == [(supports[HEAD],)]
