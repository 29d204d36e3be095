"""Signing keys: made once, kept private, read again when they change, never lost by a bad change."""

import base64
import json
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from safelight.adapters import keyring
from safelight.adapters.keyring import KeyringFile, KeyringInvalid, read_keyring

KEY = base64.b64encode(b"k" * 32).decode()
OTHER = base64.b64encode(b"o" * 32).decode()
GOOD = {"signing": "new", "keys": {"old": KEY, "new": OTHER}}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keyring.json"


@pytest.fixture(autouse=True)
def _fresh_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyring, "log", keyring.structlog.get_logger())


def write(path: Path, content: object, mode: int = 0o600) -> None:
    """Replace the file, as an editor or a rotation does."""
    new = path.with_suffix(".new")
    new.write_text(content if isinstance(content, str) else json.dumps(content))
    new.chmod(mode)
    new.replace(path)


def test_the_first_start_makes_a_private_file_with_one_random_key(path: Path) -> None:
    first = KeyringFile(path).current()

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [len(key) for key in first.keys.values()] == [32]
    assert list(first.keys) == [first.signing]
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_a_second_start_finds_the_same_key(path: Path) -> None:
    assert KeyringFile(path).current() == KeyringFile(path).current()


def test_of_many_first_starts_one_makes_the_key(path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda _: KeyringFile(path).current(), range(8)))

    assert all(one == made[0] for one in made)
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_one_key_signs_and_all_verify(path: Path) -> None:
    write(path, GOOD)

    current = KeyringFile(path).current()

    assert current.signing == "new"
    assert current.keys == {"old": b"k" * 32, "new": b"o" * 32}


def test_a_changed_file_is_read_again(path: Path) -> None:
    file = KeyringFile(path)

    write(path, GOOD)

    assert file.current().signing == "new"


def test_an_unchanged_file_is_read_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = KeyringFile(path)
    first = file.current()
    monkeypatch.setattr(keyring, "read_keyring", lambda _path: pytest.fail("read again"))

    assert file.current() is first


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: write(path, "{"),
        lambda path: write(path, {**GOOD, "signing": "gone"}),
        lambda path: write(path, GOOD, mode=0o644),
        lambda path: path.unlink(),
    ],
    ids=["cut off", "no signing key", "public", "removed"],
)
def test_a_bad_change_leaves_the_keys_that_were_good(path: Path, spoil: Callable[[Path], Any]) -> None:
    file = KeyringFile(path)
    good = file.current()

    spoil(path)

    assert file.current() == good


def test_a_bad_change_is_logged_once_and_a_mended_one_is_taken(path: Path) -> None:
    file = KeyringFile(path)
    with capture_logs() as events:
        write(path, "{")
        file.current()
        file.current()
        write(path, GOOD)
        mended = file.current()

    assert [event["event"] for event in events] == ["keyring_refused", "keyring_read"]
    assert mended.signing == "new"
    assert KEY not in repr(events)


def test_made_private_again_the_file_is_taken(path: Path) -> None:
    file = KeyringFile(path)
    write(path, GOOD, mode=0o640)
    refused = file.current()

    path.chmod(0o600)

    assert refused.signing != "new"
    assert file.current().signing == "new"


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620])
def test_a_file_that_others_can_read_or_write_is_refused_with_the_remedy(path: Path, mode: int) -> None:
    write(path, GOOD, mode=mode)

    with pytest.raises(KeyringInvalid, match=f"chmod 600 {path}"):
        read_keyring(path)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "null",
        {"keys": {"a": KEY}},
        {"signing": "a"},
        {"signing": "a", "keys": []},
        {"signing": "a", "keys": {"b": KEY}},
        {"signing": "a", "keys": {"a": "not base64!"}},
        {"signing": "a", "keys": {"a": base64.b64encode(b"short").decode()}},
        {"signing": "a.b", "keys": {"a.b": KEY}},
        {"signing": "", "keys": {"": KEY}},
        {"signing": ["a"], "keys": {"a": KEY}},
        {"signing": "a", "keys": {"a": 5}},
    ],
)
def test_what_is_no_keyring_is_refused_without_naming_a_key(path: Path, content: object) -> None:
    write(path, content)

    with pytest.raises(KeyringInvalid) as refused:
        read_keyring(path)

    assert str(path) in str(refused.value)
    assert KEY not in str(refused.value)


def test_a_missing_file_is_refused(path: Path) -> None:
    with pytest.raises(KeyringInvalid, match="cannot be read"):
        read_keyring(path)
