"""`safelight owners`."""

import asyncio
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from safelight.adapters.system import SystemClock
from safelight.apps.beside import records_for
from safelight.domain.events import Action
from safelight.domain.owner import OwnerLimits
from safelight.ports.snapshot import AuditFilter
from safelight.settings import Settings
from safelight.testing.samples import new_image

Run = Callable[..., Result]

pytestmark = pytest.mark.usefixtures("either_database")

PLENTY = OwnerLimits(requests_per_minute=1000, open_uploads=1000, images=1000, bytes=10**12)


@pytest.fixture
def upload(data: Path) -> Callable[..., None]:
    """Reserves, and adds so many of the images that were reserved for."""

    async def request(owner_id: str, reserved: int, added: int) -> None:
        async with records_for(Settings(data=data)) as records, records.transaction() as tx:
            for number in range(reserved):
                await tx.owners.reserve(owner_id, size=1000, limits=PLENTY, now=SystemClock().now())
                if number < added:
                    await tx.add(new_image(number, owner=owner_id, declared_bytes=1000))

    return lambda owner_id, reserved, added=None: asyncio.run(
        request(owner_id, reserved, reserved if added is None else added)
    )


def actions(data: Path) -> list[Action]:
    async def read() -> list[Action]:
        async with records_for(Settings(data=data)) as records, records.reading() as snapshot:
            return [event.action for _, event in await snapshot.audit_log(AuditFilter(), after=None, limit=10)]

    return asyncio.run(read())


def test_the_list_shows_what_each_owner_uses_in_order(run: Run, data: Path, upload: Callable[..., None]) -> None:
    upload("bert", 2)
    run("owners", "block", "anna", "--data", data)

    listed = run("owners", "list", "--data", data).stdout.splitlines()

    assert re.fullmatch(r" +0 +0 +0 +\d{4}-\d\d-\d\d \d\d:\d\d +anna *", listed[1])
    assert re.fullmatch(r" +2 +2,000 +2 +bert *", listed[2])
    assert "bert" not in run("owners", "list", "--blocked", "--data", data).stdout


def test_a_long_list_says_how_it_goes_on(run: Run, data: Path, upload: Callable[..., None]) -> None:
    for number, owner_id in enumerate(("a", "b", "c")):
        upload(owner_id, number + 1, 0)

    first = run("owners", "list", "--limit", "2", "--data", data).stdout
    rest = run("owners", "list", "--limit", "2", "--after", "b", "--data", data).stdout

    assert first.splitlines()[-1] == "There are more: --after b"
    assert [line.split()[-1] for line in rest.splitlines()[1:]] == ["c"]


def test_one_owner_is_shown_with_what_it_may(run: Run, data: Path, upload: Callable[..., None]) -> None:
    upload("anna", 3)

    shown = run("owners", "show", "anna", "--data", data).stdout

    assert "anna is not blocked." in shown
    assert re.search(r"images +3 of 10,000\n", shown)
    assert re.search(r"bytes +3,000 of 20,000,000,000\n", shown)
    assert re.search(r"open uploads +3 of 100\n", shown)


def test_a_block_is_made_once_ended_once_and_kept_in_the_audit_log(
    run: Run, data: Path, upload: Callable[..., None]
) -> None:
    upload("anna", 2)

    said = [run("owners", word, "anna", "--data", data) for word in ("block", "block", "unblock", "unblock")]

    assert [result.exit_code for result in said] == [0, 0, 0, 0]
    assert said[0].stdout == "Blocked anna. It has 2 images, of which 2 are not uploaded.\n"
    assert said[1].stdout.startswith("Nothing changed: anna is blocked since ")
    assert [result.stdout for result in said[2:]] == ["Unblocked anna.\n", "anna was not blocked.\n"]
    assert actions(data) == [Action.OWNER_BLOCKED, Action.OWNER_UNBLOCKED]


def test_a_recount_says_what_it_changed(run: Run, data: Path, upload: Callable[..., None]) -> None:
    upload("anna", 3, 1)

    first, second = (run("owners", "recount", "anna", "--data", data).stdout for _ in range(2))

    assert first == (
        "Counted anna: 1 images, 1,000 bytes, 1 open uploads; 3 images, 3,000 bytes, 3 open uploads before.\n"
    )
    assert second == "Counted anna: 1 images, 1,000 bytes, 1 open uploads; as before.\n"


def test_without_owners_the_list_says_so(run: Run, data: Path) -> None:
    assert run("owners", "list", "--data", data).stdout == "There are none.\n"


def test_an_id_cannot_show_anything_else_than_is_there(run: Run, data: Path, upload: Callable[..., None]) -> None:
    upload("\u202eanna\x1b[2J [red]", 1)

    listed = run("owners", "list", "--data", data).stdout

    assert "\\u202eanna\\x1b[2J [red]" in listed


@pytest.mark.parametrize("owner_id", ["", "an\udcffna"])
def test_what_can_be_no_id_is_refused(run: Run, data: Path, owner_id: str) -> None:
    refused = run("owners", "block", owner_id, "--data", data)

    assert refused.exit_code == 2
    assert "UTF-8" in refused.stderr
    assert actions(data) == []


@pytest.mark.parametrize("either_database", ["sqlite"], indirect=True)
def test_a_folder_without_a_database_is_named_and_not_made(run: Run, tmp_path: Path) -> None:
    refused = run("owners", "block", "anna", "--data", tmp_path / "other")

    assert refused.exit_code == 1
    assert f"safelight migrate --data {tmp_path / 'other'}" in refused.stderr


def test_an_owner_is_erased_and_what_that_was_is_told(run: Run, data: Path, upload: Callable[..., None]) -> None:
    upload("anna", 3)

    erased = run("owners", "erase", "anna", "--yes", "--data", data)

    assert erased.exit_code == 0, erased.output
    assert "anna: 3 images, 3,000 bytes, 0 renditions. 4 events stay in the audit log" in erased.stdout
    assert actions(data) == [Action.DELETED] * 3 + [Action.OWNER_ERASED]
    assert "There are none" in run("owners", "list", "--data", data).stdout


def test_nobody_is_erased_without_a_yes(run: Run, data: Path, upload: Callable[..., None]) -> None:
    upload("anna", 1)

    refused = run("owners", "erase", "anna", "--data", data)

    assert refused.exit_code == 1
    assert "All images of anna are deleted for good, 1 by now." in refused.stdout
    assert "anna" in run("owners", "list", "--data", data).stdout


def test_the_block_of_an_owner_who_is_erased_stays_and_that_is_told(run: Run, data: Path) -> None:
    run("owners", "block", "anna", "--data", data)

    erased = run("owners", "erase", "anna", "--yes", "--data", data)

    assert "It stays blocked" in erased.stdout
    assert "anna" in run("owners", "list", "--blocked", "--data", data).stdout
