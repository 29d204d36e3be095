"""The check of what owners are noted to use."""

import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from safelight.adapters.records.engine import SqliteDatabase
from safelight.adapters.records.store import SqlRecords
from safelight.apps.doctor import owners as checks
from safelight.apps.doctor.finding import Level, Visit
from safelight.apps.doctor.owners import NAMED, owners
from safelight.domain.image import State
from safelight.domain.owner import OwnerLimits
from safelight.testing.contracts.records import image_in
from safelight.testing.fakes import NOW
from safelight.testing.samples import new_image

MakeVisit = Callable[..., Visit]

PLENTY = OwnerLimits(requests_per_minute=1000, open_uploads=1000, images=1000, bytes=10**12)


async def request(records: SqlRecords, owner_id: str, number: int, *, added: bool = True) -> None:
    async with records.transaction() as tx:
        await tx.owners.reserve(owner_id, size=100, limits=PLENTY, now=NOW)
        if added:
            await tx.add(new_image(number, owner=owner_id, declared_bytes=100))


async def test_owners_whose_rows_are_what_is_counted_are_well(
    visit: MakeVisit, records: SqlRecords, database: SqliteDatabase
) -> None:
    await request(records, "anna", 1)
    await request(records, "bert", 2)
    async with records.transaction() as tx:
        await tx.move(new_image(2).id, was=State.REQUESTED, now=State.EXPIRED)
    await image_in(records, State.READY, 3, owner=None)

    (found,) = await owners(visit(), database)

    assert (found.level, found.seen) == (Level.OK, "what 2 owners use is what is counted")


async def test_what_an_owner_is_noted_to_use_and_does_not_is_wrong(
    visit: MakeVisit, records: SqlRecords, database: SqliteDatabase, data: Path
) -> None:
    await request(records, "anna", 1)
    await request(records, "anna", 2, added=False)
    await request(records, "bert", 3)

    (found,) = await owners(visit(), database)

    assert found.level is Level.WRONG
    assert found.seen == ("of 'anna' there are noted 2 images, 200 bytes, 2 open uploads, and counted 1, 100, 1")
    assert found.cure == f"safelight owners recount anna --data {data}"


async def test_images_of_an_owner_that_is_not_noted_are_wrong(
    visit: MakeVisit, records: SqlRecords, database: SqliteDatabase
) -> None:
    await image_in(records, State.READY, owner="anna", declared_bytes=100)

    (found,) = await owners(visit(), database)

    assert found.level is Level.WRONG
    assert "noted 0 images, 0 bytes, 0 open uploads, and counted 1, 100, 0" in found.seen


async def test_many_that_differ_are_counted(visit: MakeVisit, records: SqlRecords, database: SqliteDatabase) -> None:
    for number in range(NAMED + 2):
        await request(records, f"owner {number}", number, added=False)

    (found,) = await owners(visit(), database)

    assert found.seen.endswith("; and 2 more")
    assert found.cure.count("safelight owners recount") == NAMED


async def test_where_owners_are_many_some_are_counted_and_all_only_where_that_is_asked(
    visit: MakeVisit, records: SqlRecords, database: SqliteDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "WITHIN_S", 0.0)
    monkeypatch.setattr(checks, "AT_ONCE", 1)
    for number in range(5):
        await request(records, f"owner {number}", number)
        await request(records, f"owner {number}", number, added=False)

    (part,) = await owners(visit(), database)
    (whole,) = await owners(visit(whole=True), database)

    assert part.seen.endswith(", of 1 that 0 s were enough to count (all: safelight doctor --whole)")
    assert whole.seen.endswith("; and 2 more")


async def test_the_cure_cures(visit: MakeVisit, records: SqlRecords, database: SqliteDatabase, data: Path) -> None:
    await request(records, 'it\'s "me"', 1, added=False)
    (found,) = await owners(visit(), database)

    words = shlex.split(found.cure)[1:]
    subprocess.run([sys.executable, "-m", "safelight", *words], check=True, capture_output=True)  # noqa: S603, ASYNC221

    assert str(data) in words
    (cured,) = await owners(visit(), database)
    assert cured.level is Level.OK
