"""What happened: the events that webhooks carry, and those that the audit log keeps."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Self

from safelight.domain.image import ImageId, State
from safelight.domain.jobs import DeliveryId
from safelight.domain.who import Who


class WebhookEvent(StrEnum):
    """What the application is told."""

    READY = "image.ready"
    REJECTED = "image.rejected"
    FAILED = "image.failed"
    DELETED = "image.deleted"


TOLD = {
    State.READY: WebhookEvent.READY,
    State.REJECTED: WebhookEvent.REJECTED,
    State.FAILED: WebhookEvent.FAILED,
    State.DELETED: WebhookEvent.DELETED,
}
"""The states whose reaching the application is told."""


class Action(StrEnum):
    """What the audit log keeps."""

    REQUESTED = "image.requested"
    RESIGNED = "image.resigned"
    CONFIRMED = "image.confirmed"
    EXPIRED = "image.expired"
    READY = "image.ready"
    REJECTED = "image.rejected"
    FAILED = "image.failed"
    REPROCESSED = "image.reprocessed"
    DELETED = "image.deleted"
    PURGED = "image.purged"
    KEY_CREATED = "key.created"
    KEY_REVOKED = "key.revoked"


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """One decision: who did what to which image, from where, and how it ended. Holds no token and no file name."""

    at: datetime
    action: Action
    actor: str
    image_id: ImageId | None = None
    result: str = "ok"
    address: str | None = None
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class Origin:
    """Who asks, and from where: what the audit log keeps of a call."""

    who: Who
    address: str | None = None
    request_id: str | None = None

    def event(self, action: Action, *, at: datetime, image_id: ImageId | None = None, result: str = "ok") -> AuditEvent:
        """Return what the audit log keeps of a decision for this caller."""
        return AuditEvent(at, action, self.who.name, image_id, result, self.address, self.request_id)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One webhook that the application is owed. `settled_at` is set when it arrived or was given up."""

    id: DeliveryId
    image_id: ImageId
    event: WebhookEvent
    created_at: datetime
    attempts: int
    next_attempt_at: datetime
    settled_at: datetime | None = None
    last_error: str | None = None

    @classmethod
    def owed(cls, delivery_id: DeliveryId, image_id: ImageId, state: State, *, at: datetime) -> Self:
        """Return the webhook that is due because an image reached `state`, one of TOLD."""
        return cls(delivery_id, image_id, TOLD[state], created_at=at, attempts=0, next_attempt_at=at)
