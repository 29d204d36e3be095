"""`safelight keys`."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import Result

from safelight.cli.tell import out
from safelight.domain import api_keys

Run = Callable[..., Result]

pytestmark = pytest.mark.usefixtures("either_database")


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


@pytest.mark.parametrize("either_database", ["sqlite"], indirect=True)
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


def parts_of(printed: str) -> tuple[str, str]:
    """Return id and secret of the key on the last line."""
    return api_keys.parse(printed.splitlines()[-1]) or ("", "")


def test_a_rotated_key_has_a_successor_that_may_do_the_same(run: Run, data: Path) -> None:
    old, _ = parts_of(run("keys", "create", "shop", "--scope", "read", "--quiet", "--data", data).stdout)

    rotated = run("keys", "rotate", old, "--overlap", "48h", "--data", data)
    new, secret = parts_of(rotated.stdout)
    listed = run("keys", "list", "--data", data).stdout

    ends = datetime.now(UTC) + timedelta(hours=48)
    assert rotated.exit_code == 0
    assert re.search(rf"{old}, which ends at {ends:%Y-%m-%d} \d\d:\d\d UTC", rotated.stdout)
    assert re.search(rf"{old}  \S+  read, ends {ends:%Y-%m-%d} +shop", listed)
    assert re.search(rf"{new}  \S+  read +shop", listed)
    assert new != old
    assert secret not in listed


def test_quietly_only_the_successor_is_printed(run: Run, data: Path) -> None:
    old, _ = parts_of(run("keys", "create", "shop", "--quiet", "--data", data).stdout)

    assert api_keys.parse(run("keys", "rotate", old, "--quiet", "--data", data).stdout.removesuffix("\n"))


def test_without_an_overlap_the_old_key_has_ended(run: Run, data: Path) -> None:
    old, _ = parts_of(run("keys", "create", "shop", "--quiet", "--data", data).stdout)

    run("keys", "rotate", old, "--overlap", "0m", "--data", data)

    assert re.search(rf"{old}  \S+  ended \d{{4}}-\d\d-\d\d +shop", run("keys", "list", "--data", data).stdout)


@pytest.mark.parametrize("end", ["revoke", "rotate", "never made"])
def test_a_key_that_has_ended_is_not_rotated(run: Run, data: Path, end: str) -> None:
    key_id, _ = parts_of(run("keys", "create", "shop", "--quiet", "--data", data).stdout)
    if end == "never made":
        key_id = "f" * 32
    else:
        run("keys", end, key_id, *(["--overlap", "0m"] if end == "rotate" else []), "--data", data)
    before = run("keys", "list", "--data", data).stdout

    refused = run("keys", "rotate", key_id, "--data", data)

    assert refused.exit_code == 1
    assert f"There is no key {key_id}, or it was revoked or has ended" in refused.stderr
    assert run("keys", "list", "--data", data).stdout == before


def test_a_key_can_be_made_with_an_end(run: Run, data: Path) -> None:
    key_id, _ = parts_of(run("keys", "create", "fair", "--expires", "30d", "--quiet", "--data", data).stdout)

    ends = datetime.now(UTC) + timedelta(days=30)
    assert re.search(rf"{key_id}  \S+  everything, ends {ends:%Y-%m-%d}", run("keys", "list", "--data", data).stdout)


@pytest.mark.parametrize("words", [("create", "shop", "--expires", "soon"), ("rotate", "a", "--overlap", "1 day")])
def test_what_is_no_duration_is_refused_with_examples(run: Run, data: Path, words: tuple[str, ...]) -> None:
    refused = run("keys", *words, "--data", data)

    assert refused.exit_code == 2
    assert "24h or 30d" in refused.stderr


def test_an_end_takes_room_from_the_name_and_never_from_the_id(
    run: Run, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["--scope", "upload", "--scope", "manage", "--expires", "30d", "--quiet", "--data", data]
    key_id, _ = parts_of(run("keys", "create", "the shop in the old town", *words).stdout)
    monkeypatch.setattr(out, "width", 80)

    _, listed = run("keys", "list", "--data", data).stdout.splitlines()

    assert len(listed) <= 80
    assert re.match(rf"{key_id}  \S+  upload manage, ends \d{{4}}-\d\d-\d\d ", listed)
