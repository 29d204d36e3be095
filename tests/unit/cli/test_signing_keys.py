"""`safelight signing-keys`."""

import json
import os
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from safelight.adapters.keyring import KeyringFile, read_keyring
from safelight.cli.app import app
from safelight.domain.events import Action
from safelight.domain.tokens import Keyring
from safelight.testing.fakes import FrozenClock

Run = Callable[..., Result]

NOBODY = 65534


@pytest.fixture
def first(data: Path) -> str:
    """The id of the one key there is, which was made at noon on 1 November 2026."""
    return KeyringFile(data / "keyring.json", FrozenClock()).current().signing


def ring(data: Path) -> Keyring:
    return read_keyring(data / "keyring.json")


def audited(data: Path) -> list[tuple[str, str, str]]:
    """Return what the audit log holds."""
    with closing(sqlite3.connect(data / "safelight.db")) as database:
        return database.execute("SELECT action, target, actor FROM audit_event ORDER BY id").fetchall()


def test_a_rotation_signs_with_a_new_key_and_keeps_the_old_one(run: Run, data: Path, first: str) -> None:
    rotated = run("signing-keys", "rotate", "--data", data)

    assert rotated.exit_code == 0
    assert list(ring(data).keys) == [first, ring(data).signing]
    assert f"Signing with {ring(data).signing} from now on" in rotated.stdout


def test_the_list_shows_which_key_signs_and_since_when_there_are_keys_but_no_key(
    run: Run, data: Path, first: str
) -> None:
    run("signing-keys", "rotate", "--data", data)

    listed = run("signing-keys", "list", "--data", data).stdout

    assert re.search(rf"^{first}  2026-11-01 12:00  verifies *$", listed, re.MULTILINE)
    assert re.search(rf"^{ring(data).signing}  \d{{4}}-\d\d-\d\d \d\d:\d\d  signs and verifies$", listed, re.MULTILINE)
    assert not any(secret in listed for secret in json.loads((data / "keyring.json").read_text())["keys"].values())


def test_a_key_of_an_older_file_has_no_date(run: Run, data: Path, first: str) -> None:
    file = data / "keyring.json"
    file.write_text(re.sub(r',\s*"created_at": {[^}]*}', "", file.read_text()))

    assert re.search(rf"{first}  not known +signs", run("signing-keys", "list", "--data", data).stdout)


def test_in_two_steps_a_key_verifies_before_it_signs(run: Run, data: Path, first: str) -> None:
    added = run("signing-keys", "rotate", "--add-only", "--data", data)
    after_first = ring(data)
    (new,) = set(after_first.keys) - {first}
    chosen = run("signing-keys", "rotate", "--sign-with", new, "--data", data)

    assert after_first.signing == first
    assert f"--sign-with {new}" in added.stdout
    assert chosen.exit_code == 0
    assert ring(data).signing == new
    assert ring(data).keys == after_first.keys


def test_both_steps_at_once_are_refused(run: Run, data: Path, first: str) -> None:
    refused = run("signing-keys", "rotate", "--add-only", "--sign-with", first, "--data", data)

    assert refused.exit_code == 2
    assert list(ring(data).keys) == [first]


def test_retiring_says_what_ends_and_asks(run: Run, data: Path, first: str) -> None:
    run("signing-keys", "rotate", "--data", data)
    words = ["signing-keys", "retire", first, "--data", str(data)]

    declined = CliRunner().invoke(app, words, input="n\n")
    kept = ring(data)
    agreed = CliRunner().invoke(app, words, input="y\n")

    assert declined.exit_code == 1
    assert first in kept.keys
    assert "read tokens" in declined.stdout
    assert "write tokens" in declined.stdout
    assert "signed URLs" in declined.stdout
    assert agreed.exit_code == 0
    assert first not in ring(data).keys
    assert first not in ring(data).created_at


def test_where_nobody_can_answer_nothing_is_done_and_yes_is_named(run: Run, data: Path, first: str) -> None:
    run("signing-keys", "rotate", "--data", data)

    unanswered = run("signing-keys", "retire", first, "--data", data)

    assert unanswered.exit_code == 1
    assert "say --yes" in unanswered.stderr
    assert first in ring(data).keys


def test_nobody_is_asked_who_said_yes(run: Run, data: Path, first: str) -> None:
    run("signing-keys", "rotate", "--data", data)

    retired = run("signing-keys", "retire", first, "--yes", "--data", data)

    assert retired.exit_code == 0
    assert "Retire it?" not in retired.stdout
    assert list(ring(data).keys) == [ring(data).signing]


def test_the_key_that_signs_cannot_be_retired(run: Run, data: Path, first: str) -> None:
    refused = run("signing-keys", "retire", first, "--yes", "--data", data)

    assert refused.exit_code == 1
    assert "safelight signing-keys rotate" in refused.stderr
    assert list(ring(data).keys) == [first]


@pytest.mark.parametrize("words", [("retire", "none", "--yes"), ("rotate", "--sign-with", "none")])
def test_a_key_that_is_not_there_is_named(run: Run, data: Path, first: str, words: tuple[str, ...]) -> None:
    refused = run("signing-keys", *words, "--data", data)

    assert refused.exit_code == 1
    assert "There is no signing key none. `safelight signing-keys list`" in refused.stderr
    assert ring(data).signing == first


def test_every_change_is_in_the_audit_log_and_no_refusal(run: Run, data: Path, first: str) -> None:
    run("signing-keys", "rotate", "--add-only", "--data", data)
    (new,) = set(ring(data).keys) - {first}
    run("signing-keys", "retire", first, "--yes", "--data", data)
    run("signing-keys", "rotate", "--sign-with", new, "--data", data)
    run("signing-keys", "retire", first, "--yes", "--data", data)

    assert audited(data) == [
        (Action.SIGNING_KEY_ADDED, f"signing_key:{new}", "system"),
        (Action.SIGNING_KEY_ROTATED, f"signing_key:{new}", "system"),
        (Action.SIGNING_KEY_RETIRED, f"signing_key:{first}", "system"),
    ]


@pytest.mark.parametrize("words", [("list",), ("rotate",), ("retire", "a", "--yes")])
def test_a_folder_without_safelight_is_named_and_not_made(run: Run, tmp_path: Path, words: tuple[str, ...]) -> None:
    refused = run("signing-keys", *words, "--data", tmp_path / "other")

    assert refused.exit_code == 1
    assert f"There is no Safelight in {tmp_path / 'other'}" in refused.stderr
    assert not (tmp_path / "other").exists()


def test_before_the_first_start_there_are_no_keys_and_none_are_made(run: Run, data: Path) -> None:
    refused = run("signing-keys", "rotate", "--data", data)

    assert refused.exit_code == 1
    assert "The server makes one when it first starts" in refused.stderr
    assert not (data / "keyring.json").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
@pytest.mark.parametrize("words", [("rotate",), ("retire", "old", "--yes")])
def test_another_user_writes_no_keyring_that_the_server_could_not_read(
    run: Run, data: Path, first: str, words: tuple[str, ...]
) -> None:
    run("signing-keys", "rotate", "--data", data)
    os.chown(data, NOBODY, NOBODY)
    before = ring(data)

    refused = run("signing-keys", *(first if word == "old" else word for word in words), "--data", data)

    assert refused.exit_code == 1
    assert f"sudo -u '#{NOBODY}'" in refused.stderr
    assert ring(data) == before


def test_a_file_that_is_there_is_kept_and_may_be_used(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    run("signing-keys", "create", file)
    before = file.read_bytes()

    refused = run("signing-keys", "create", file)

    assert refused.exit_code == 1
    assert f"There is a file {file} already, and it is kept" in refused.stderr
    assert "SAFELIGHT_KEYRING" in refused.stderr
    assert "safelight signing-keys rotate" in refused.stderr
    assert file.read_bytes() == before


def test_a_rotation_of_a_keyring_for_many_hosts_tells_of_their_copies(
    run: Run, data: Path, first: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = run("signing-keys", "rotate", "--data", data)
    monkeypatch.setenv("SAFELIGHT_KEYRING", str(data / "keyring.json"))

    shared = run("signing-keys", "rotate", "--data", data)
    in_two_steps = run("signing-keys", "rotate", "--sign-with", first, "--data", data)

    assert "--add-only" not in alone.stdout
    assert f"Hosts that have a copy of {data / 'keyring.json'}" in shared.stdout
    assert "--add-only first" in shared.stdout
    assert "--add-only" not in in_two_steps.stdout


def test_a_keyring_that_is_named_and_missing_is_to_be_made(
    run: Run, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAFELIGHT_KEYRING", str(tmp_path / "keys.json"))

    refused = run("signing-keys", "list", "--data", data)

    assert refused.exit_code == 1
    assert f"safelight signing-keys create {tmp_path / 'keys.json'}" in refused.stderr
