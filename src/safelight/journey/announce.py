"""6 FINALIZE, for the application: send one webhook that is owed."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from safelight.domain.errors import DeliveryFailed
from safelight.domain.events import WebhookEvent
from safelight.domain.jobs import DeliveryId, SendWebhook
from safelight.domain.report import ImageReport, report
from safelight.domain.retry import Backoff
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
    """How long and how often a webhook is tried."""

    lasts: timedelta
    backoff: Backoff


async def send_webhook(
    delivery_id: DeliveryId,
    *,
    records: Records,
    notifier: Notifier,
    links: Links,
    clock: Clock,
    persistence: Persistence,
) -> bool | None:
    """Send the message once and note how it went: True where it arrived, False where not, None where none was due.

    What did not arrive is queued to be tried again, until its time is over; then it is given up.
    """
    async with records.reading() as snapshot:
        delivery = await snapshot.delivery(delivery_id)
        if delivery is None or delivery.settled_at is not None or delivery.next_attempt_at > clock.now():
            return None
        image = await snapshot.image(delivery.image_id)
        data = report(image, await snapshot.renditions(image.id), links)
    body = msgspec.json.encode(Message(delivery.event, delivery.created_at, data))

    error = None
    try:
        await notifier.send(delivery.id, body, at=clock.now())
    except DeliveryFailed as failed:
        error = str(failed)

    now, attempts = clock.now(), delivery.attempts + 1
    again = persistence.backoff.after(attempts, now=now)
    over = error is None or again > delivery.created_at + persistence.lasts
    async with records.transaction() as tx:
        noted = await tx.note_delivery(
            delivery.id,
            attempts=attempts,
            next_attempt_at=again,
            settled_at=now if over else None,
            last_error=error,
        )
        if noted and not over:
            await tx.enqueue(SendWebhook(delivery.id), run_at=again)
    return error is None
