"""The checks of the signing keys."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from safelight.adapters.keyring import KeyringFile
from safelight.adapters.records.store import SqlRecords
from safelight.apps.doctor.finding import Level, Visit
from safelight.apps.doctor.keyring import keyring, lost_keyring
from safelight.domain.image import State
from safelight.testing.contracts.records import image_in
from safelight.testing.fakes import FrozenClock

MakeVisit = Callable[..., Visit]


@pytest.fixture
def file(data: Path) -> Path:
    """A keyring that can serve."""
    KeyringFile(data / "keyring.json", FrozenClock())
    return data / "keyring.json"


def test_a_keyring_that_can_serve_is_well(visit: MakeVisit, file: Path) -> None:
    (found,) = keyring(visit())

    assert file.exists()
    assert (found.level, found.seen) == (Level.OK, "1 signing key")


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
