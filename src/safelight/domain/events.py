"""What happened: the events that webhooks carry, and those that the audit log keeps."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Self

from safelight.domain.image import Attachment, Image, ImageId, NewImage, State
from safelight.domain.jobs import DeliveryId
from safelight.domain.who import Who


class WebhookEvent(StrEnum):
    """What the application is told."""

    READY = "image.ready"
    HELD = "image.held"
    REJECTED = "image.rejected"
    FAILED = "image.failed"
    DELETED = "image.deleted"


TOLD = {
    State.READY: WebhookEvent.READY,
    State.HELD: WebhookEvent.HELD,
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
    HELD = "image.held"
    REVIEWED = "image.reviewed"
    REJECTED = "image.rejected"
    FAILED = "image.failed"
    REPROCESSED = "image.reprocessed"
    ATTACHED = "image.attached"
    PUBLISHED = "image.published"
    PROTECTED = "image.protected"
    CHECKED = "image.checked"
    VIEWED = "image.viewed"
    LISTED = "image.listed"
    TOKENS_GIVEN = "image.tokens_given"
    TOKENS_REVOKED = "image.tokens_revoked"
    DELETED = "image.deleted"
    PURGED = "image.purged"
    KIND_READ = "kind.read"
    RECORD_READ = "record.read"
    RECORD_DELETED = "record.deleted"
    OWNER_READ = "owner.read"
    OWNER_BLOCKED = "owner.blocked"
    OWNER_UNBLOCKED = "owner.unblocked"
    OWNER_ERASED = "owner.erased"
    KEY_CREATED = "key.created"
    KEY_ROTATED = "key.rotated"
    KEY_REVOKED = "key.revoked"
    SIGNING_KEY_ADDED = "signing_key.added"
    SIGNING_KEY_ROTATED = "signing_key.rotated"
    SIGNING_KEY_RETIRED = "signing_key.retired"


def record_target(record: Attachment) -> str:
    """Return how the audit log calls a record of the application."""
    return f"record:{record.type}/{record.id}"


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """One decision: who did what to which image, from where, and how it ended. Holds no token and no file name.

    `owner` is whose image it was; `target` what else it was about, such as `record:user/42` or `key:...`.
    """

    at: datetime
    action: Action
    actor: str
    image_id: ImageId | None = None
    result: str = "ok"
    address: str | None = None
    request_id: str | None = None
    owner: str | None = None
    target: str | None = None


@dataclass(frozen=True, slots=True)
class Origin:
    """Who asks, and from where: what the audit log keeps of a call.

    `by` is what was shown in place of an identity: the token of an image.
    """

    who: Who
    address: str | None = None
    request_id: str | None = None
    by: str | None = None

    @property
    def name(self) -> str:
        """How the audit log calls whoever asks."""
        return self.by or self.who.name

    def event(
        self,
        action: Action,
        *,
        at: datetime,
        image: Image | NewImage | None = None,
        image_id: ImageId | None = None,
        owner: str | None = None,
        target: str | None = None,
        result: str = "ok",
    ) -> AuditEvent:
        """Return what the audit log keeps of a decision for this caller. `image` says id and owner at once."""
        return AuditEvent(
            at,
            action,
            self.name,
            image.id if image else image_id,
            result,
            self.address,
            self.request_id,
            image.owner if image else owner,
            target,
        )


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
