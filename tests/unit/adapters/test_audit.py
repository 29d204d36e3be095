"""What is noted gets to the records, in order, in one piece, to the last event; too much of it is counted."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, cast

import pytest
import structlog.testing

from safelight.adapters.audit import BufferedAudit
from safelight.domain.errors import Busy, StorageFailed
from safelight.domain.events import Action, AuditEvent
from safelight.domain.image import Image, ImageId, State
from safelight.ports.records import Records
from safelight.ports.snapshot import AuditFilter
from safelight.testing.fakes import NOW

NEVER = timedelta(hours=1)
AT_ONCE = timedelta(microseconds=1)


def event(number: int = 0, image_id: str | None = None, owner: str | None = None) -> AuditEvent:
    image = ImageId(image_id) if image_id else None
    return AuditEvent(NOW, Action.VIEWED, f"user:{number}", image, request_id=f"request-{number}", owner=owner)


@dataclass
class Log:
    """The records, as far as the buffer sees them: what was written, by transaction. `fails` is raised instead."""

    written: list[list[AuditEvent]] = field(default_factory=list)
    fails: Exception | None = None
    wrote: asyncio.Event = field(default_factory=asyncio.Event)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator["Log"]:
        self.wrote.set()
        if self.fails:
            raise self.fails
        yield self

    async def images(self, _ids: object) -> dict[ImageId, Image]:
        return {}

    async def audit(self, *events: AuditEvent) -> None:
        self.written.append(list(events))


def records(log: Log) -> Records:
    return cast("Records", log)


@pytest.fixture
def dropped() -> list[int]:
    return []


@pytest.fixture
def audit(dropped: list[int]) -> BufferedAudit:
    return BufferedAudit(dropped=dropped.append, most=3)


async def test_at_the_end_everything_is_written_in_one_transaction(audit: BufferedAudit) -> None:
    log = Log()

    async with audit.writing(records(log), every=NEVER):
        for number in range(3):
            audit.note(event(number))
        assert log.written == []

    assert log.written == [[event(0), event(1), event(2)]]


async def test_where_nothing_was_noted_nothing_is_written(audit: BufferedAudit) -> None:
    log = Log()

    async with audit.writing(records(log), every=NEVER):
        pass

    assert log.written == []


async def test_it_is_written_by_and_by(audit: BufferedAudit) -> None:
    log = Log()

    async with audit.writing(records(log), every=AT_ONCE):
        audit.note(event(1))
        await log.wrote.wait()

    assert log.written == [[event(1)]]


async def test_what_there_is_no_room_for_is_counted_and_told_once(audit: BufferedAudit, dropped: list[int]) -> None:
    with structlog.testing.capture_logs() as logs:
        for number in range(5):
            audit.note(event(number))

    assert dropped == [1, 1]
    assert [one["event"] for one in logs] == ["audit_events_dropped"]


async def test_there_is_room_again_when_it_was_written(audit: BufferedAudit, dropped: list[int]) -> None:
    log = Log()
    for _ in range(2):
        async with audit.writing(records(log), every=NEVER):
            for number in range(3):
                audit.note(event(number))

    assert [len(some) for some in log.written] == [3, 3]
    assert dropped == []


@pytest.mark.parametrize("matter", [StorageFailed("the disk is full"), Busy()])
async def test_what_the_database_cannot_take_waits_on(
    audit: BufferedAudit, dropped: list[int], matter: Exception
) -> None:
    log = Log(fails=matter)
    async with audit.writing(records(log), every=NEVER):
        audit.note(event(0))
        audit.note(event(1))

    log.fails = None
    async with audit.writing(records(log), every=NEVER):
        audit.note(event(2))
        audit.note(event(3))

    assert log.written == [[event(0), event(1), event(2)]]
    assert dropped == [1]


async def test_an_event_that_cannot_be_written_does_not_stand_in_the_way(
    audit: BufferedAudit, dropped: list[int]
) -> None:
    log = Log(fails=UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed"))
    async with audit.writing(records(log), every=NEVER):
        audit.note(event(0))

    log.fails = None
    async with audit.writing(records(log), every=NEVER):
        audit.note(event(1))

    assert log.written == [[event(1)]]
    assert dropped == [1]


async def test_a_flood_of_the_same_is_noted_once_in_each_period(audit: BufferedAudit, dropped: list[int]) -> None:
    log = Log()
    for _ in range(2):
        async with audit.writing(records(log), every=NEVER):
            for second in range(1000):
                same = replace(event(1), at=NOW + timedelta(seconds=second), request_id=str(second))
                audit.note(same, once=True)
            audit.note(event(2), once=True)

    assert [[one.actor for one in some] for some in log.written] == [["user:1", "user:2"]] * 2
    assert dropped == []


async def test_a_refusal_is_found_with_what_the_owners_image_went_through(stage: Any) -> None:
    image = await stage.image_in(State.READY, owner="42")
    audit = BufferedAudit(dropped=_lose)

    async with audit.writing(stage.records, every=NEVER):
        audit.note(event(1, image.id))
        audit.note(event(2, "f" * 32))
        audit.note(event(3, image.id, owner="43"))

    async with stage.records.reading() as snapshot:
        log = [one for _, one in await snapshot.audit_log(AuditFilter(), after=None, limit=9)]
    assert log == [event(1, image.id, "42"), event(2, "f" * 32), event(3, image.id, "43")]


def _lose(_count: int) -> None:
    raise AssertionError("nothing may be lost")
