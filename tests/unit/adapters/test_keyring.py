"""Signing keys: made once, kept private, read again when they change, never lost by a bad change."""

import base64
import json
import os
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from safelight.adapters import keyring
from safelight.adapters.keyring import (
    KeyringFile,
    KeyringInvalid,
    change_keyring,
    create_keyring,
    new_key,
    read_keyring,
)
from safelight.domain.tokens import Keyring
from safelight.testing.fakes import NOW, FrozenClock

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
    first = KeyringFile(path, FrozenClock()).current()

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [len(key) for key in first.keys.values()] == [32]
    assert list(first.keys) == [first.signing]
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_a_second_start_finds_the_same_key(path: Path) -> None:
    assert KeyringFile(path, FrozenClock()).current() == KeyringFile(path, FrozenClock()).current()


def test_of_many_first_starts_one_makes_the_key(path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda _: KeyringFile(path, FrozenClock()).current(), range(8)))

    assert all(one == made[0] for one in made)
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_one_key_signs_and_all_verify(path: Path) -> None:
    write(path, GOOD)

    current = KeyringFile(path, FrozenClock()).current()

    assert current.signing == "new"
    assert current.keys == {"old": b"k" * 32, "new": b"o" * 32}


def test_a_changed_file_is_read_again(path: Path) -> None:
    file = KeyringFile(path, FrozenClock())

    write(path, GOOD)

    assert file.current().signing == "new"


def test_an_unchanged_file_is_read_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = KeyringFile(path, FrozenClock())
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
    file = KeyringFile(path, FrozenClock())
    good = file.current()

    spoil(path)

    assert file.current() == good


def test_a_bad_change_is_logged_once_and_a_mended_one_is_taken(path: Path) -> None:
    file = KeyringFile(path, FrozenClock())
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
    file = KeyringFile(path, FrozenClock())
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


def test_a_file_of_somebody_else_may_be_read_by_a_group_and_by_nobody_besides(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid + 1)
    write(path, GOOD, mode=0o440)
    assert read_keyring(path).signing == "new"

    for mode in (0o444, 0o460, 0o441):
        path.chmod(mode)
        with pytest.raises(KeyringInvalid, match="others may read it"):
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
        {"signing": "a", "keys": {"a": KEY}, "created_at": {"a": "yesterday"}},
        {"signing": "a", "keys": {"a": KEY}, "created_at": ["a"]},
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


def add_a_key(ring: Keyring) -> Keyring:
    key_id, key = new_key()
    return Keyring({**ring.keys, key_id: key}, key_id, ring.created_at)


def test_the_first_key_says_since_when_it_is_there(path: Path) -> None:
    first = KeyringFile(path, FrozenClock()).current()

    assert read_keyring(path).created_at == {first.signing: NOW}


def test_a_change_is_taken_by_whoever_has_the_file_open_and_stays_private(path: Path) -> None:
    file = KeyringFile(path, FrozenClock())
    before = file.current()

    change_keyring(path, add_a_key)

    assert file.current().keys.items() > before.keys.items()
    assert file.current().signing != before.signing
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_of_many_changes_at_once_none_is_lost(path: Path) -> None:
    KeyringFile(path, FrozenClock())

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: change_keyring(path, add_a_key), range(40)))

    assert len(read_keyring(path).keys) == 41


def refuse(_ring: Keyring) -> Keyring:
    raise LookupError


def test_a_change_that_is_refused_changes_nothing(path: Path) -> None:
    KeyringFile(path, FrozenClock())
    before = path.read_bytes()

    with pytest.raises(LookupError):
        change_keyring(path, refuse)

    assert path.read_bytes() == before
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_a_change_that_cannot_be_put_in_place_leaves_the_old_file_and_no_other(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    KeyringFile(path, FrozenClock())
    before = path.read_bytes()

    def full(_from: Path, _to: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space"):
        change_keyring(path, add_a_key)

    assert path.read_bytes() == before
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_what_a_change_keeps_of_a_file_is_all_of_it(path: Path) -> None:
    write(path, {**GOOD, "created_at": {"new": "2026-11-01T12:00:00+00:00"}})
    before = read_keyring(path)

    change_keyring(path, lambda ring: ring)

    assert read_keyring(path) == before == Keyring({"old": b"k" * 32, "new": b"o" * 32}, "new", {"new": NOW})


def test_a_file_that_cannot_serve_is_not_changed(path: Path) -> None:
    write(path, GOOD, mode=0o644)

    with pytest.raises(KeyringInvalid):
        change_keyring(path, add_a_key)


def test_a_file_that_another_host_makes_is_not_made_here(path: Path) -> None:
    with pytest.raises(KeyringInvalid, match="cannot be read"):
        KeyringFile(path, FrozenClock(), create=False)

    assert not path.exists()


def test_a_keyring_is_never_made_over_one_that_is_there(path: Path) -> None:
    write(path, GOOD)

    with pytest.raises(FileExistsError, match=path.name):
        create_keyring(path, FrozenClock())

    assert read_keyring(path).signing == "new"
