"""The checks of what the records tell."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from safelight.adapters.records.store import SqlRecords
from safelight.adapters.system import SystemClock, SystemIds
from safelight.apps.api_keys import create_key, revoke_key
from safelight.apps.doctor import finding
from safelight.apps.doctor import records as checks
from safelight.apps.doctor.finding import Level, Visit
from safelight.domain import api_keys
from safelight.domain.events import Delivery
from safelight.domain.image import Ending, Image, State
from safelight.domain.jobs import DeliveryId
from safelight.domain.who import Scope
from safelight.ports.records import Changes
from safelight.testing.contracts.records import image_in

MakeVisit = Callable[..., Visit]
Connection = Callable[[], Any]

HOUR = timedelta(hours=1)

BOUNDED = (checks.failed_images, checks.undeclared_images, checks.records_from_the_future)


async def test_an_empty_installation_lacks_nothing_but_a_key(visit: MakeVisit, connection: Connection) -> None:
    async with connection() as reading:
        found = {
            check.__name__: [finding.level for finding in await check(visit(), reading)]
            for check in (
                checks.api_keys,
                checks.records_from_the_future,
                checks.waiting_images,
                checks.failed_images,
                checks.undeclared_images,
                checks.deliveries,
            )
        }

    assert found.pop("api_keys") == [Level.WRONG]
    assert {level for levels in found.values() for level in levels} == {Level.OK}


async def test_no_key_or_only_revoked_ones_are_wrong(
    visit: MakeVisit, records: SqlRecords, connection: Connection, data: Path
) -> None:
    clock, seen = SystemClock(), []
    key = api_keys.parse(await create_key("a", set(Scope), records=records, clock=clock, ids=SystemIds()))
    assert key is not None
    for deed in (lambda: None, lambda: revoke_key(key[0], records=records, clock=clock)):
        if coming := deed():
            await coming
        async with connection() as reading:
            seen += await checks.api_keys(visit(), reading)

    assert [finding.level for finding in seen] == [Level.OK, Level.WRONG]
    assert "all 1 are revoked" in seen[1].seen
    assert seen[1].cure == f"safelight keys create NAME --data {data}"


async def test_records_from_tomorrow_tell_of_a_wrong_clock(
    visit: MakeVisit, records: SqlRecords, connection: Connection
) -> None:
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    await image_in(records, State.REQUESTED, created_at=tomorrow, expires_at=tomorrow + HOUR)

    async with connection() as reading:
        (found,) = await checks.records_from_the_future(visit(), reading)

    assert found.level is Level.WRONG
    assert "1 images are from the future" in found.seen
    assert f"{tomorrow:%Y-%m-%d %H:%M}" in found.seen
    assert "NTP" in found.cure


async def test_an_image_that_waits_for_over_an_hour_is_wrong_while_a_server_runs(
    visit: MakeVisit, records: SqlRecords, connection: Connection
) -> None:
    await image_in(records, State.UPLOADED, created_at=datetime.now(UTC) - 2 * HOUR)

    async with connection() as reading:
        (running,) = await checks.waiting_images(visit(running=True), reading)
        (stopped,) = await checks.waiting_images(visit(), reading)

    assert running.level is Level.WRONG
    assert "restart the server" in running.cure
    assert stopped.level is Level.WARNING
    assert stopped.cure == "safelight up"


async def test_failed_images_are_counted_by_their_code(
    visit: MakeVisit, records: SqlRecords, connection: Connection
) -> None:
    for number in (1, 2):
        await _fail(await image_in(records, State.UPLOADED, number), records)

    async with connection() as reading:
        (found,) = await checks.failed_images(visit(), reading)

    assert found.level is Level.WARNING
    assert found.seen == "2 of kind avatar: storage_failed"
    assert "safelight reprocess --failed --kind avatar" in found.cure


async def test_of_many_records_the_newest_are_looked_at_and_all_only_where_that_is_asked(
    visit: MakeVisit, records: SqlRecords, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding, "LOOKED_AT", 1)
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    for number in (1, 2):
        await _fail(await image_in(records, State.UPLOADED, number, created_at=tomorrow), records)

    async with connection() as reading:
        parts = [(await check(visit(), reading))[0].seen for check in BOUNDED]
        wholes = [(await check(visit(whole=True), reading))[0].seen for check in BOUNDED]

    assert parts[0] == "1 of kind avatar: storage_failed of the newest 1 that failed (all: safelight doctor --whole)"
    assert wholes[0] == "2 of kind avatar: storage_failed"
    assert parts[1].startswith("1 images of the newest 1 of it (all: safelight doctor --whole) are of kind avatar")
    assert wholes[1] == "2 images are of kind avatar, which is not declared"
    assert parts[2].startswith("1 images are from the future of the newest 1 images")
    assert wholes[2].startswith("2 images are from the future, the last")


async def test_images_of_a_kind_that_is_not_declared_are_told(
    visit: MakeVisit, records: SqlRecords, connection: Connection
) -> None:
    await image_in(records, State.READY, 1, kind="avatar")
    await image_in(records, State.READY, 2, kind="photo")
    await image_in(records, State.DELETED, 3, kind="banner")

    async with connection() as reading:
        (found,) = await checks.undeclared_images(visit(), reading)

    assert found.level is Level.WARNING
    assert found.seen == "1 images are of kind avatar, which is not declared"
    assert "Declare it again" in found.cure


async def test_webhooks_that_were_given_up_are_told_with_the_last_error(
    visit: MakeVisit, records: SqlRecords, connection: Connection
) -> None:
    image, now = await image_in(records, State.READY), datetime.now(UTC)
    async with records.transaction() as tx:
        for name, error in (("a", "the receiver answered 500"), ("b", None)):
            await tx.add_delivery(Delivery.owed(DeliveryId(name), image.id, State.READY, at=now))
            await tx.note_delivery(DeliveryId(name), attempts=1, next_attempt_at=now, settled_at=now, last_error=error)

    async with connection() as reading:
        (found,) = await checks.deliveries(visit(), reading)

    assert found.level is Level.WARNING
    assert found.seen.startswith("1 webhooks were given up")
    assert "the receiver answered 500" in found.seen
    assert "Mend the receiver" in found.cure


async def _fail(image: Image, records: SqlRecords) -> None:
    changes = Changes(ending=Ending("storage_failed", "It did not work."))
    async with records.transaction() as tx:
        await tx.move(image.id, was=State.UPLOADED, now=State.PROCESSING)
        await tx.move(image.id, was=State.PROCESSING, now=State.FAILED, changes=changes)
