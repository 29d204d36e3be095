"""`safelight records migrate`: what it refuses, and what it tells at the end."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import Result

from left_behind import DUMPS, restore_sqlite
from safelight.apps.kinds import remember_kinds
from safelight.apps.lock import data_lock
from safelight.testing.postgres import Postgres

Run = Callable[..., Result]

NEWEST = [dump for dump in DUMPS if dump.parent.name == "sqlite"][-1]


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    """A data folder with records and signing keys."""
    folder = tmp_path / "filled"
    folder.mkdir()
    restore_sqlite(NEWEST, folder / "safelight.db")
    (folder / "keyring.json").write_text("{}")
    return folder


def test_an_empty_database_gets_its_tables_and_the_records_and_the_next_steps_are_told(
    run: Run, filled: Path, postgres: Postgres, tmp_path: Path
) -> None:
    remember_kinds(filled, Path("images.py"))
    before = (filled / "safelight.db").read_bytes()
    url = postgres.create_database("records_cli")

    done, again = (run("records", "migrate", "--from", filled, "--to", url) for _ in range(2))

    assert done.exit_code == 0, done.stderr
    assert [line.split() for line in done.stdout.splitlines() if line.startswith(("image ", "declaration"))] == [
        ["declaration", "2"],
        ["image", "8"],
    ]
    assert f"SAFELIGHT_KEYRING={filled / 'keyring.json'}" in done.stdout
    assert f"SAFELIGHT_KINDS={tmp_path / 'images.py'}" in done.stdout
    assert f"safelight storage migrate --from {filled} --to s3://" in done.stdout
    assert url not in done.stdout
    assert (again.exit_code, again.stdout) == (1, "")
    assert "this one has some already, in: answer, api_key" in again.stderr
    assert (filled / "safelight.db").read_bytes() == before


def test_the_names_may_come_from_the_settings(
    run: Run, filled: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that no password is in the list of processes. Tables that are there already are no hindrance."""
    monkeypatch.setenv("SAFELIGHT_DATABASE_URL", postgres_url)
    monkeypatch.setenv("SAFELIGHT_DATA", str(filled))
    monkeypatch.setenv("SAFELIGHT_STORAGE_URL", "s3://bucket?region=eu-central-1")
    monkeypatch.setenv("SAFELIGHT_KEYRING", "/etc/safelight/no-keyring.json")

    done = run("records", "migrate")

    assert done.exit_code == 0, done.stderr
    assert "All of them were read back" in done.stdout
    assert "storage migrate" not in done.stdout
    assert "SAFELIGHT_KEYRING" not in done.stdout


def test_a_database_for_which_a_key_was_made_is_not_empty(
    run: Run, filled: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAFELIGHT_DATABASE_URL", postgres_url)
    assert run("keys", "create", "app").exit_code == 0

    refused = run("records", "migrate", "--from", filled)

    assert refused.exit_code == 1
    assert "this one has some already, in: api_key" in refused.stderr
    assert "createdb" in refused.stderr


def test_without_a_database_to_carry_them_to_it_says_how_to_name_one(run: Run, filled: Path) -> None:
    refused = run("records", "migrate", "--from", filled)

    assert refused.exit_code == 2
    assert "--to" in refused.stderr
    assert "SAFELIGHT_DATABASE_URL" in refused.stderr


def test_a_folder_that_is_served_is_refused(run: Run, filled: Path, postgres_url: str) -> None:
    with data_lock(filled):
        refused = run("records", "migrate", "--from", filled, "--to", postgres_url)

    assert refused.exit_code == 1
    assert f"A server runs on {filled}" in refused.stderr
    assert "Stop it, and run this again" in refused.stderr


def test_a_folder_without_records_is_refused(run: Run, tmp_path: Path, postgres_url: str) -> None:
    refused = run("records", "migrate", "--from", tmp_path / "nothing", "--to", postgres_url)

    assert refused.exit_code == 1
    assert "There is no Safelight in" in refused.stderr
    assert not (tmp_path / "nothing").exists()


def test_records_of_an_earlier_version_are_refused_with_the_command_that_helps(
    run: Run, tmp_path: Path, postgres_url: str
) -> None:
    restore_sqlite(NEWEST.with_name("0003.sql"), tmp_path / "safelight.db")

    refused = run("records", "migrate", "--from", tmp_path, "--to", postgres_url)

    assert refused.exit_code == 1
    assert f"safelight migrate --data {tmp_path}" in refused.stderr


def test_records_of_a_later_version_are_refused_though_this_one_can_serve_them(
    run: Run, filled: Path, postgres_url: str
) -> None:
    """It may have made tables that this one would leave behind."""
    with closing(sqlite3.connect(filled / "safelight.db")) as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
        database.commit()

    refused = run("records", "migrate", "--from", filled, "--to", postgres_url)

    assert refused.exit_code == 1
    assert "made by a later version" in refused.stderr
    assert "Install that version" in refused.stderr


def test_a_damaged_database_is_refused(run: Run, filled: Path, postgres_url: str) -> None:
    with closing(sqlite3.connect(filled / "safelight.db")) as database:
        where = "SELECT rootpage, page_size FROM sqlite_schema, pragma_page_size WHERE name = 'image'"
        page, size = database.execute(where).fetchone()
    with (filled / "safelight.db").open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * size)

    refused = run("records", "migrate", "--from", filled, "--to", postgres_url)

    assert refused.exit_code == 1
    assert "damaged" in refused.stderr


def test_a_postgres_that_cannot_be_reached_is_told(run: Run, filled: Path) -> None:
    refused = run("records", "migrate", "--from", filled, "--to", "postgresql://nobody@127.0.0.1:1/none")

    assert refused.exit_code == 1
    assert "cannot be reached" in refused.stderr
