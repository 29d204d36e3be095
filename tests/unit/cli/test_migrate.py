"""`safelight migrate`."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import Result

from safelight.apps.lock import data_lock
from safelight.testing.postgres import PostgresServer

Run = Callable[..., Result]


def test_a_new_folder_gets_a_database_that_others_cannot_read(run: Run, tmp_path: Path) -> None:
    done = run("migrate", "--data", tmp_path / "new")

    assert done.exit_code == 0
    assert "revisions 0001" in done.stdout
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "new/safelight.db").stat().st_mode & 0o777 == 0o600


def test_a_database_at_head_is_left_alone_even_while_a_server_runs(run: Run, data: Path) -> None:
    with data_lock(data):
        done = run("migrate", "--data", data)

    assert done.exit_code == 0
    assert "nothing to do" in done.stdout


def test_a_name_that_is_no_setting_is_told_also_beside_mistakes(
    run: Run, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAFELIGHT_DATABSE_URL", "postgresql://host/images")
    done = run("migrate", "--data", data)

    monkeypatch.setenv("SAFELIGHT_PORT", "many")
    refused = run("migrate", "--data", data)

    assert (done.exit_code, refused.exit_code) == (0, 2)
    for each in (done, refused):
        assert "SAFELIGHT_DATABSE_URL is no setting, and does nothing. Is SAFELIGHT_DATABASE_URL meant?" in each.stderr


def test_tables_do_not_change_under_a_running_server(run: Run, tmp_path: Path) -> None:
    with data_lock(tmp_path):
        refused = run("migrate", "--data", tmp_path)

    assert refused.exit_code == 1
    assert "Another Safelight is using" in refused.stderr
    assert not (tmp_path / "safelight.db").exists()


def test_the_database_of_a_later_version_that_supports_this_one_no_more_is_refused(run: Run, data: Path) -> None:
    with closing(sqlite3.connect(data / "safelight.db")) as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
        database.execute("UPDATE supported SET oldest = '9998'")
        database.commit()

    refused = run("migrate", "--data", data)

    assert refused.exit_code == 1
    assert "later version" in refused.stderr


def test_a_postgres_database_gets_its_tables_and_its_queue(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with PostgresServer() as postgres:
        monkeypatch.setenv("SAFELIGHT_DATABASE_URL", postgres.create_database("empty"))

        first, second = run("migrate"), run("migrate")

    assert first.exit_code == 0
    assert "Migrated the database of SAFELIGHT_DATABASE_URL: revisions 0001" in first.stdout
    assert "The database of SAFELIGHT_DATABASE_URL is up to date" in second.stdout
