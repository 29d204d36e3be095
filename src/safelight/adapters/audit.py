"""ports.audit.Audit: a buffer in memory, written to the records by and by."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import timedelta

import structlog

from safelight.domain.errors import Ours
from safelight.domain.events import AuditEvent
from safelight.domain.image import Image, ImageId
from safelight.ports.records import Records, Transaction

log = structlog.get_logger()

MOST_EVENTS = 10_000
"""Held in memory at most: a few megabytes, and more than a server answers in a second."""


class BufferedAudit:
    """Notes events in memory; `writing` is the block in which they get to the records.

    `dropped` hears how many events were lost.
    """

    def __init__(self, *, dropped: Callable[[int], None], most: int = MOST_EVENTS) -> None:
        self._waiting: list[AuditEvent] = []
        self._noted_once: set[AuditEvent] = set()
        self._most = most
        self._dropped = dropped
        self._told_of_drops = False

    def note(self, event: AuditEvent, *, once: bool = False) -> None:
        """Append an event. Never waits, never fails."""
        if once:
            same = replace(event, at=None, request_id=None)  # type: ignore[arg-type]  # two that differ in nothing else are equal
            if same in self._noted_once:
                return
            self._noted_once.add(same)
        if len(self._waiting) < self._most:
            self._waiting.append(event)
        else:
            self._drop(1)

    @asynccontextmanager
    async def writing(self, records: Records, *, every: timedelta) -> AsyncIterator[None]:
        """Write what was noted after every such period, and at the end of the block all that is left."""
        ended = asyncio.Event()
        task = asyncio.create_task(self._write_on(records, every, ended))
        try:
            yield
        finally:
            ended.set()
            await task

    async def _write_on(self, records: Records, every: timedelta, ended: asyncio.Event) -> None:
        is_last = False
        while not is_last:
            with suppress(TimeoutError):
                async with asyncio.timeout(every.total_seconds()):
                    await ended.wait()
            is_last = ended.is_set()
            await self._write(records)

    async def _write(self, records: Records) -> None:
        """Write all that waits in one transaction. What the database cannot take now waits on."""
        events, self._waiting, self._noted_once = self._waiting, [], set()
        if not events:
            return
        try:
            async with records.transaction() as tx:
                await tx.audit(*await _with_owners(events, tx))
        except Ours as error:
            log.error("audit_not_written", reason=str(error), waiting=len(events))  # noqa: TRY400 - its reason says all
            self._wait_on(events)
        except Exception:  # a mistake of ours must not keep what comes later from being written
            log.exception("audit_broke")
            self._drop(len(events))
        else:
            self._told_of_drops = False

    def _wait_on(self, events: list[AuditEvent]) -> None:
        waiting = events + self._waiting
        self._waiting = waiting[: self._most]
        if lost := len(waiting) - len(self._waiting):
            self._drop(lost)

    def _drop(self, count: int) -> None:
        """Count what is lost, and say so once, until there is room again."""
        self._dropped(count)
        if not self._told_of_drops:
            self._told_of_drops = True
            log.error("audit_events_dropped", waiting=len(self._waiting))


async def _with_owners(events: Sequence[AuditEvent], tx: Transaction) -> Sequence[AuditEvent]:
    """Say whose image it was where that was not known: what refuses a caller does not always read the record."""
    unknown = {event.image_id for event in events if event.image_id is not None and event.owner is None}
    images = await tx.images(unknown) if unknown else {}
    return [_with_owner(event, images) for event in events]


def _with_owner(event: AuditEvent, images: Mapping[ImageId, Image]) -> AuditEvent:
    image = images.get(event.image_id) if event.image_id is not None and event.owner is None else None
    return event if image is None else replace(event, owner=image.owner)
