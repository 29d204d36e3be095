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
    """Every variant is there."""
    HELD = "image.held"
    """It is rendered, and waits for the application to look at it."""
    REJECTED = "image.rejected"
    """The file's fault; `data.error.code` says why."""
    FAILED = "image.failed"
    """The server's fault, after several tries."""
    DELETED = "image.deleted"
    """It was deleted, or replaced by another; its files go."""


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
    """REQUEST: an upload was asked for."""
    RESIGNED = "image.resigned"
    """A further upload URL was given for the same image."""
    CONFIRMED = "image.confirmed"
    """CONFIRM: the bytes are there, and the image is queued."""
    EXPIRED = "image.expired"
    """The upload never came."""
    READY = "image.ready"
    """FINALIZE: every variant is there."""
    HELD = "image.held"
    """FINALIZE: rendered, and held for the application to look at."""
    REVIEWED = "image.reviewed"
    """The application approved of a held image, or did not."""
    REJECTED = "image.rejected"
    """FINALIZE: the file's fault; the result says why."""
    FAILED = "image.failed"
    """FINALIZE: the server's fault; the result says what it was."""
    REPROCESSED = "image.reprocessed"
    """An image was to be rendered again, or was; or a failed one was sent round again."""
    ATTACHED = "image.attached"
    """An image was attached to a record of the application."""
    PUBLISHED = "image.published"
    """A protected image was made public."""
    PROTECTED = "image.protected"
    """A public image was made protected."""
    CHECKED = "image.checked"
    """CHECK: somebody who may not asked how an image stands."""
    VIEWED = "image.viewed"
    """Somebody was shown the way to a protected image, or was refused it."""
    LISTED = "image.listed"
    """Somebody who may not asked for a list of images."""
    TOKENS_GIVEN = "image.tokens_given"
    """The read token of an image was given again."""
    TOKENS_REVOKED = "image.tokens_revoked"
    """All tokens of an image were revoked."""
    DELETED = "image.deleted"
    """An image was deleted, or an upload cancelled."""
    PURGED = "image.purged"
    """All bytes of an image are gone."""
    KIND_READ = "kind.read"
    """A call that asked for the kinds was refused."""
    RECORD_READ = "record.read"
    """Somebody who may not asked for the images of a record."""
    RECORD_DELETED = "record.deleted"
    """All images of a record were deleted."""
    OWNER_READ = "owner.read"
    """Somebody who may not asked for an owner."""
    OWNER_BLOCKED = "owner.blocked"
    """An owner was blocked: it uploads nothing more."""
    OWNER_UNBLOCKED = "owner.unblocked"
    """A block was lifted."""
    OWNER_ERASED = "owner.erased"
    """An owner and all of its images were erased."""
    KEY_CREATED = "key.created"
    """An API key was made."""
    KEY_ROTATED = "key.rotated"
    """An API key got a successor, and an end."""
    KEY_REVOKED = "key.revoked"
    """An API key was revoked."""
    SIGNING_KEY_ADDED = "signing_key.added"
    """A signing key was made that signs nothing yet."""
    SIGNING_KEY_ROTATED = "signing_key.rotated"
    """Another signing key signs from now on."""
    SIGNING_KEY_RETIRED = "signing_key.retired"
    """A signing key was removed, and with it all that it signed."""


def record_target(record: Attachment) -> str:
    """Return how the audit log calls a record of the application."""
    return f"record:{record.type}/{record.id}"


def owner_target(owner_id: str) -> str:
    """Return how the audit log calls an owner."""
    return f"owner:{owner_id}"


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """One decision: who did what to which image, from where, and how it ended. Holds no token and no file name."""

    at: datetime
    """When it was."""
    action: Action
    """What was done, or asked for."""
    actor: str
    """Who: `user:42`, `key:ID`, `key:ID for 42`, `token` (of the image), `nobody`, or `system`."""
    image_id: ImageId | None = None
    """Which image."""
    result: str = "ok"
    """How it ended: `ok`, or the code of the error or of the rejection, or a few words."""
    address: str | None = None
    """Where the call came from."""
    request_id: str | None = None
    """Which call it was, as the server's log and the answer name it."""
    owner: str | None = None
    """Whose image it was."""
    target: str | None = None
    """What else it was about, such as `record:user/42`, `variant:thumb` or `key:ID`."""


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
