"""6 FINALIZE, for the application: send one webhook that is owed."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from safelight.domain.errors import DeliveryFailed
from safelight.domain.events import Delivery, WebhookEvent
from safelight.domain.jobs import DeliveryId, SendWebhook
from safelight.domain.report import ImageReport, report
from safelight.domain.retry import Backoff, is_due
from safelight.domain.urls import Links
from safelight.ports.clock import Clock
from safelight.ports.notifier import Notifier
from safelight.ports.records import Records


@dataclass(frozen=True, slots=True)
class Message:
    """The body of a webhook: `data` is what CHECK says of the image."""

    type: WebhookEvent
    timestamp: datetime
    data: ImageReport


@dataclass(frozen=True, slots=True)
class Persistence:
    """How long and how often a webhook is tried. No try takes longer than `timeout`."""

    lasts: timedelta
    backoff: Backoff
    timeout: timedelta


@dataclass(frozen=True, slots=True)
class Tried:
    """How one try went: `attempt` counts from 1; without an `error` the message arrived.

    `again_at`: when the next try is due; None where there is none.
    """

    event: WebhookEvent
    attempt: int
    error: str | None
    again_at: datetime | None


async def send_webhook(
    delivery_id: DeliveryId,
    *,
    records: Records,
    notifier: Notifier,
    links: Links,
    clock: Clock,
    persistence: Persistence,
) -> Tried | None:
    """Send the message once and note how it went; None where none was due, or another worker has it.

    The try is claimed before it is made, so that nobody sends a second copy meanwhile. What did not arrive is queued to
    be tried again, until its time is over; then it is given up.
    """
    claimed = await _claim(delivery_id, records, links, clock, persistence)
    if claimed is None:
        return None
    delivery, body = claimed
    error = None
    try:
        await notifier.send(delivery.id, body, at=clock.now())
    except DeliveryFailed as failed:
        error = str(failed)
    again_at = await _settle(delivery, error, records, clock, persistence)
    return Tried(delivery.event, delivery.attempts + 1, error, again_at)


async def give_up_webhook(delivery_id: DeliveryId, *, reason: str, records: Records, clock: Clock) -> bool:
    """Settle a webhook that nobody is to be sent. False where there was nothing to settle."""
    async with records.transaction() as tx:
        owed = await tx.delivery(delivery_id)
        return owed is not None and await tx.note_delivery(
            owed.id,
            was=owed.attempts,
            attempts=owed.attempts,
            next_attempt_at=owed.next_attempt_at,
            settled_at=clock.now(),
            last_error=reason,
        )


async def _claim(
    delivery_id: DeliveryId, records: Records, links: Links, clock: Clock, persistence: Persistence
) -> tuple[Delivery, bytes] | None:
    """Count a try and put off the next one until this one must have ended; return the delivery as it was, and its body.

    Should this process die, the record says when to try again.
    """
    now = clock.now()
    async with records.transaction() as tx:
        owed = await tx.delivery(delivery_id)
        if owed is None or owed.settled_at is not None or not _is_due(owed, now):
            return None
        attempts = owed.attempts + 1
        is_mine = await tx.note_delivery(
            owed.id,
            attempts=attempts,
            next_attempt_at=persistence.backoff.after(attempts, now=now + persistence.timeout),
            settled_at=None,
            last_error=owed.last_error,
        )
        if not is_mine:  # another worker read it at the same moment, and was faster
            return None
        image = await tx.image(owed.image_id)
        data = report(image, await tx.renditions(image.id), links, to_application=True)
    return owed, msgspec.json.encode(Message(owed.event, owed.created_at, data))


def _is_due(owed: Delivery, now: datetime) -> bool:
    """Whether to try now: the first time in any case, though the clock of whoever owes it may be ahead."""
    return owed.attempts == 0 or is_due(owed.next_attempt_at, now=now)


async def _settle(
    claimed: Delivery, error: str | None, records: Records, clock: Clock, persistence: Persistence
) -> datetime | None:
    """Note how the try ended, and return when the next one is due; None where there is none."""
    now, attempts = clock.now(), claimed.attempts + 1
    again = persistence.backoff.after(attempts, now=now)
    over = error is None or again > claimed.created_at + persistence.lasts
    async with records.transaction() as tx:
        noted = await tx.note_delivery(
            claimed.id,
            was=attempts,
            attempts=attempts,
            next_attempt_at=again,
            settled_at=now if over else None,
            last_error=error,
        )
        if noted and not over:
            await tx.enqueue(SendWebhook(claimed.id), run_at=again)
    return None if over else again
