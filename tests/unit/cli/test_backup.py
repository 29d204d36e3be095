"""`safelight backup`: what it refuses, and that nothing is left where it does."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

Run = Callable[..., Result]


def test_a_backup_replaces_the_one_before_and_leaves_nothing_else(run: Run, data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()
    (folder / "b.tar").write_bytes(b"yesterday's")

    done = run("backup", folder / "b.tar", "--data", data)

    assert done.exit_code == 0
    assert [path.name for path in folder.iterdir()] == ["b.tar"]
    assert run("backup", "--verify", folder / "b.tar", "--data", _with_store(data)).exit_code == 0


def test_a_name_that_says_no_kind_of_archive_is_refused(run: Run, data: Path, tmp_path: Path) -> None:
    refused = run("backup", tmp_path / "b.zip", "--data", data)

    assert refused.exit_code == 1
    assert ".tar.gz" in refused.stderr


def test_a_damaged_database_is_not_backed_up_over_a_good_backup(run: Run, data: Path, tmp_path: Path) -> None:
    run("backup", tmp_path / "b.tar", "--data", data)
    good = (tmp_path / "b.tar").read_bytes()
    with (data / "safelight.db").open("r+b") as file:
        file.seek(8192)
        file.write(b"\xff" * 40_000)

    refused = run("backup", tmp_path / "b.tar", "--data", data)

    assert refused.exit_code == 1
    assert (tmp_path / "b.tar").read_bytes() == good
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.tar", "data"]


def test_an_archive_with_one_other_byte_does_not_pass(run: Run, data: Path, tmp_path: Path) -> None:
    archive = tmp_path / "b.tar"
    run("backup", archive, "--data", data)
    content = bytearray(archive.read_bytes())
    content[content.index(b"SQLite format 3") + 5000] ^= 1
    archive.write_bytes(content)

    refused = run("backup", "--verify", archive, "--data", _with_store(data))

    assert refused.exit_code == 1
    assert "safelight.db" in refused.stderr


def test_what_is_no_archive_is_told_as_such(run: Run, data: Path, tmp_path: Path) -> None:
    (tmp_path / "b.tar").write_bytes(b"no archive" * 100)

    refused = run("backup", "--verify", tmp_path / "b.tar", "--data", _with_store(data))

    assert refused.exit_code == 1
    assert "cannot be read as an archive" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1


def test_a_missing_archive_is_told_as_such(run: Run, data: Path, tmp_path: Path) -> None:
    refused = run("backup", "--verify", tmp_path / "b.tar", "--data", _with_store(data))

    assert refused.exit_code == 1
    assert f"There is no file {tmp_path / 'b.tar'}" in refused.stderr


def test_a_missing_folder_is_named_with_what_makes_it(run: Run, data: Path, tmp_path: Path) -> None:
    refused = run("backup", tmp_path / "backups/b.tar", "--data", data)

    assert refused.exit_code == 1
    assert f"mkdir -p {tmp_path / 'backups'}" in refused.stderr


def _with_store(data: Path) -> Path:
    (data / "store").mkdir(exist_ok=True)
    return data


def test_records_on_postgres_are_backed_up_by_its_own_tools(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAFELIGHT_DATABASE_URL", "postgresql://safelight@db/safelight")

    refused = run("backup", tmp_path / "backup.tar")

    assert refused.exit_code == 1
    assert "pg_dump" in refused.stderr
    assert list(tmp_path.glob("backup*")) == []
