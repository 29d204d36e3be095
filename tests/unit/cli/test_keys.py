"""`safelight keys`."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from safelight.domain import api_keys

Run = Callable[..., Result]


def test_a_new_key_is_shown_once_on_a_line_of_its_own(run: Run, data: Path) -> None:
    made = run("keys", "create", "shop", "--scope", "upload", "--data", data)

    assert made.exit_code == 0
    assert "may upload." in made.stdout
    assert api_keys.parse(made.stdout.splitlines()[-1])


def test_quietly_only_the_key_is_printed(run: Run, data: Path) -> None:
    made = run("keys", "create", "shop", "--quiet", "--data", data)

    assert api_keys.parse(made.stdout.removesuffix("\n"))


def test_the_list_shows_what_each_key_may_and_no_secret(run: Run, data: Path) -> None:
    key = run("keys", "create", "shop [red]", "--scope", "read", "--scope", "upload", "--quiet", "--data", data).stdout
    run("keys", "create", "office", "--data", data)

    listed = run("keys", "list", "--data", data)

    key_id, secret = api_keys.parse(key.strip()) or ("", "")
    assert re.search(rf"{key_id}  \d{{4}}-\d\d-\d\d  upload read +shop \[red\]", listed.stdout)
    assert re.search(r"everything +office", listed.stdout)
    assert secret not in listed.stdout


def test_a_revoked_key_says_since_when_and_cannot_be_revoked_again(run: Run, data: Path) -> None:
    key = run("keys", "create", "shop", "--quiet", "--data", data).stdout
    key_id, _ = api_keys.parse(key.strip()) or ("", "")

    first = run("keys", "revoke", key_id, "--data", data)
    again = run("keys", "revoke", key_id, "--data", data)

    assert first.exit_code == 0
    assert again.exit_code == 1
    assert f"There is no key {key_id}, or it was revoked before." in again.stderr
    assert len(re.findall(r"\d{4}-\d\d-\d\d", run("keys", "list", "--data", data).stdout)) == 2


def test_without_keys_the_list_says_how_to_make_one(run: Run, data: Path) -> None:
    assert "safelight keys create NAME" in run("keys", "list", "--data", data).stdout


def test_a_folder_without_a_database_is_named_and_not_made(run: Run, tmp_path: Path) -> None:
    refused = run("keys", "list", "--data", tmp_path / "other")

    assert refused.exit_code == 1
    assert f"safelight migrate --data {tmp_path / 'other'}" in refused.stderr
    assert not (tmp_path / "other").exists()


def test_a_key_takes_one_line_of_eighty_columns(run: Run, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run("keys", "create", "the shop in the old town, and its warehouse", "--data", data)
    key = run("keys", "create", "office", "--quiet", "--data", data).stdout
    run("keys", "revoke", key.split("_")[1], "--data", data)
    monkeypatch.setenv("COLUMNS", "80")

    listed = run("keys", "list", "--data", data).stdout.splitlines()

    assert len(listed) == 3
    assert "the shop in t" in listed[1]
    assert max(map(len, listed)) <= 80


@pytest.mark.parametrize("name", ["", "  ", "shop\x1b[2J", "shop\n", "\u202eshop", "\u200b"])
def test_a_name_that_cannot_be_read_is_refused(run: Run, data: Path, name: str) -> None:
    refused = run("keys", "create", name, "--data", data)

    assert refused.exit_code == 2
    assert "name that can be read" in refused.stderr
    assert "There are no keys" in run("keys", "list", "--data", data).stdout
