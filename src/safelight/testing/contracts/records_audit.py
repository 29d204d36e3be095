"""What every database of records must keep of the audit log."""
# ruff: noqa: D102 - a test's name is its sentence

from collections.abc import Sequence
from datetime import timedelta

import pytest

from safelight.domain.events import Action, AuditEvent
from safelight.domain.image import ImageId
from safelight.ports.records import Records
from safelight.ports.snapshot import AuditFilter
from safelight.testing.fakes import NOW

IMAGES = [ImageId(f"{number:032x}") for number in range(3)]
ALL = AuditFilter()


async def note(records: Records, *events: AuditEvent) -> None:
    """Note events in a transaction of their own."""
    async with records.transaction() as tx:
        await tx.audit(*events)


def event(minutes: int = 0, image: int | None = None, *, actor: str = "user:1", owner: str | None = None) -> AuditEvent:
    """Return an event, so many minutes from now."""
    image_id = None if image is None else IMAGES[image]
    return AuditEvent(NOW + timedelta(minutes=minutes), Action.VIEWED, actor, image_id, owner=owner)


async def log_of(records: Records, which: AuditFilter, *, limit: int = 100) -> list[AuditEvent]:
    """Return what the log says, which is the same from its beginning and from its end."""
    async with records.reading() as snapshot:
        log = await snapshot.audit_log(which, after=None, limit=limit)
        assert list(log) == list(await snapshot.audit_latest(which, limit=limit))
    return [one for _, one in log]


def numbers(log: Sequence[tuple[int, AuditEvent]]) -> list[int]:
    """Return the numbers of events."""
    return [number for number, _ in log]


class RecordsAuditContract:
    """The audit log, which only grows and is forgotten by age."""

    async def test_an_event_comes_back_whole(self, records: Records) -> None:
        whole = AuditEvent(
            NOW, Action.ATTACHED, "user:1", IMAGES[1], "not_allowed", "192.0.2.1", "request-1", "42", "record:user/42"
        )
        await note(records, whole)

        assert await log_of(records, ALL) == [whole]

    async def test_events_come_in_the_order_in_which_they_were_noted(self, records: Records) -> None:
        noted = [event(5), event(1), event(3)]
        await note(records, *noted)

        assert await log_of(records, ALL) == noted

    async def test_the_log_is_read_in_pages(self, records: Records) -> None:
        await note(records, *(event(minutes) for minutes in range(5)))

        async with records.reading() as snapshot:
            whole = await snapshot.audit_log(ALL, after=None, limit=100)
            first = await snapshot.audit_log(ALL, after=None, limit=2)
            rest = await snapshot.audit_log(ALL, after=first[-1][0], limit=100)
            last = await snapshot.audit_latest(ALL, limit=2)

        assert [*first, *rest] == list(whole)
        assert list(last) == list(whole[-2:])
        assert numbers(whole) == sorted(set(numbers(whole)))

    async def test_what_was_done_to_an_image_is_found(self, records: Records) -> None:
        await note(records, event(0, 1), event(1, 2), event(2), event(3, 1))

        found = await log_of(records, AuditFilter(image_id=IMAGES[1]))

        assert found == [event(0, 1), event(3, 1)]

    async def test_what_an_owner_did_and_what_its_images_went_through_is_found(self, records: Records) -> None:
        did, went_through = event(0, 1, actor="user:42", owner="7"), event(1, 2, actor="user:7", owner="42")
        await note(records, did, event(2, actor="user:421"), went_through, event(3, owner="4"), event(4))

        assert await log_of(records, AuditFilter(owner="42")) == [did, went_through]

    async def test_what_happened_since_is_found(self, records: Records) -> None:
        await note(records, event(0), event(1), event(2))

        found = await log_of(records, AuditFilter(since=NOW + timedelta(minutes=1)))

        assert found == [event(1), event(2)]

    async def test_filters_hold_all_at_once(self, records: Records) -> None:
        wanted = event(5, 1, owner="42")
        await note(records, wanted, event(5, 1, owner="7"), event(5, 2, owner="42"), event(0, 1, owner="42"))

        found = await log_of(records, AuditFilter(IMAGES[1], "42", NOW + timedelta(minutes=1)))

        assert found == [wanted]

    async def test_only_the_old_is_forgotten_some_at_a_time(self, records: Records) -> None:
        await note(records, *(event(minutes) for minutes in range(5)))

        async with records.transaction() as tx:
            forgotten = [await tx.forget_audit(NOW + timedelta(minutes=3), limit=2) for _ in range(3)]

        assert forgotten == [2, 1, 0]
        assert await log_of(records, ALL) == [event(3), event(4)]

    async def test_noting_nothing_is_no_error(self, records: Records) -> None:
        await note(records)

        assert await log_of(records, ALL) == []

    async def test_what_is_rolled_back_was_never_noted(self, records: Records) -> None:
        async def note_and_fail() -> None:
            async with records.transaction() as tx:
                await tx.audit(event())
                raise LookupError

        with pytest.raises(LookupError):
            await note_and_fail()

        assert await log_of(records, ALL) == []
