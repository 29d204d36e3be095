"""The checks of the signing keys."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from safelight.adapters.keyring import KeyringFile, read_keyring
from safelight.adapters.records.store import SqlRecords
from safelight.apps.doctor.finding import Level, Visit
from safelight.apps.doctor.keyring import keyring, lost_keyring
from safelight.domain.image import State
from safelight.testing.contracts.records import image_in
from safelight.testing.fakes import FrozenClock

MakeVisit = Callable[..., Visit]

NO_POSTGRES = "postgresql://me@127.0.0.1:9/none"


@pytest.fixture
def file(data: Path) -> Path:
    """A keyring that can serve."""
    KeyringFile(data / "keyring.json", FrozenClock())
    return data / "keyring.json"


def test_a_keyring_that_can_serve_is_well(visit: MakeVisit, file: Path) -> None:
    (found,) = keyring(visit())

    assert file.exists()
    assert (found.level, found.seen) == (Level.OK, f"1 signing key; {read_keyring(file).signing} signs")


def test_a_keyring_that_others_may_read_is_wrong(visit: MakeVisit, file: Path) -> None:
    file.chmod(0o644)

    (found,) = keyring(visit())

    assert found.level is Level.WRONG
    assert "mode 644" in found.seen
    assert found.cure.startswith(f"chmod 600 {file}")


def test_a_keyring_that_cannot_be_parsed_is_wrong_and_no_key_is_shown(visit: MakeVisit, file: Path) -> None:
    content = file.read_text()
    file.write_text(content[:-5])

    (found,) = keyring(visit())

    assert found.level is Level.WRONG
    assert "Put your own copy in its place" in found.cure
    assert content.split('"')[-2] not in found.seen + found.cure


async def test_a_missing_keyring_is_wrong_where_there_are_images(
    visit: MakeVisit, records: SqlRecords, connection: Callable[[], Any]
) -> None:
    async with connection() as reading:
        (before,) = await lost_keyring(visit(), reading)
    await image_in(records, State.REQUESTED)

    async with connection() as reading:
        (found,) = await lost_keyring(visit(), reading)

    assert before.level is Level.OK
    assert found.level is Level.WRONG
    assert "missing" in found.seen
    assert "every token and signed URL" in found.cure


@pytest.mark.parametrize("named", [True, False], ids=["named", "on Postgres"])
async def test_keys_that_hosts_share_are_made_by_no_start(
    visit: MakeVisit, data: Path, connection: Callable[[], Any], *, named: bool
) -> None:
    shared = visit(keyring=data / "keys.json") if named else visit(database_url=SecretStr(NO_POSTGRES))

    (found,) = keyring(shared)

    async with connection() as reading:
        assert await lost_keyring(shared, reading) == []
    assert found.level is Level.WRONG
    assert "There are no signing keys" in found.seen
    assert "safelight signing-keys create" in found.cure


def test_a_shared_keyring_that_cannot_be_parsed_is_made_anew_by_hand(visit: MakeVisit, file: Path) -> None:
    file.write_text("{}")

    (found,) = keyring(visit(keyring=file))

    assert f"safelight signing-keys create {file}" in found.cure
    assert "next start" not in found.cure
