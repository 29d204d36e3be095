"""The record of an image, its states, and the table of legal moves."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType

ImageId = NewType("ImageId", str)
"""A time-ordered UUID in 32 hexadecimal digits. It names an image; it proves nothing."""


class State(StrEnum):
    """Where an image is on its way."""

    REQUESTED = "requested"
    """Asked for and allowed; the bytes are to come."""
    UPLOADED = "uploaded"
    """The bytes are there and confirmed, and wait for a worker. From here on nothing is lost."""
    PROCESSING = "processing"
    """A worker verifies and renders it."""
    HELD = "held"
    """Rendered, and shown to nobody but the application, until that has decided."""
    READY = "ready"
    """Every variant is there."""
    REJECTED = "rejected"
    """The file's fault: choose another one. `error.code` says why."""
    FAILED = "failed"
    """The server's fault, after several tries. An operator can send it round again."""
    EXPIRED = "expired"
    """The upload never came."""
    DELETED = "deleted"
    """Deleted, cancelled, or replaced by another."""


WHOEVER_MAY = "DELETE, by whoever may"

MOVES: Mapping[State, Mapping[State, str]] = {
    State.REQUESTED: {
        State.UPLOADED: "CONFIRM, by the client, or by upkeep for one that went away after its upload",
        State.EXPIRED: "upkeep, when the last upload URL has ended",
        State.DELETED: WHOEVER_MAY,
    },
    State.UPLOADED: {
        State.PROCESSING: "the worker that takes it",
        State.DELETED: WHOEVER_MAY,
    },
    State.PROCESSING: {
        State.UPLOADED: "the worker, when it is to be tried again, or its owner is blocked",
        State.HELD: "the worker, when the kind says `review`",
        State.READY: "the worker, when every variant is stored",
        State.REJECTED: "the worker, when the file is no image that can be taken",
        State.FAILED: "the worker, after the last of its tries",
        State.DELETED: WHOEVER_MAY,
    },
    State.HELD: {
        State.READY: "the application, which approves of it",
        State.REJECTED: "the application, which does not",
        State.DELETED: WHOEVER_MAY,
    },
    State.READY: {State.DELETED: f"{WHOEVER_MAY}; or another image that takes its place"},
    State.REJECTED: {State.DELETED: WHOEVER_MAY},
    State.FAILED: {
        State.UPLOADED: "an operator, who mended the cause and sends it round again",
        State.DELETED: WHOEVER_MAY,
    },
    State.EXPIRED: {State.DELETED: WHOEVER_MAY},
    State.DELETED: {},
}
"""Where an image may go from each state, and what takes it there."""

NEXT: Mapping[State, frozenset[State]] = {was: frozenset(moves) for was, moves in MOVES.items()}
"""Where an image may go from each state."""

FINAL = frozenset({State.READY, State.REJECTED, State.FAILED, State.EXPIRED, State.DELETED})
"""States that whoever waits for an image need not wait beyond."""

GONE = frozenset({State.EXPIRED, State.DELETED})
"""States of an image that is no more: callers get 410 or 404."""

SHOWN = frozenset({State.UPLOADED, State.PROCESSING, State.READY, State.FAILED})
"""States in which a stored rendition may be read. (Uploaded and failed: a retry keeps what is stored.)"""

HOLDING = frozenset({State.REQUESTED, State.UPLOADED, State.PROCESSING, State.HELD, State.READY, State.FAILED})
"""States in which an image counts towards its owner's quota, and takes a place of its record."""

BYTES_NEEDED = frozenset({State.REQUESTED, State.UPLOADED, State.PROCESSING, State.FAILED})
"""States whose incoming bytes must not be swept away. (A held image has been rendered: no verdict needs them.)"""

BYTES_OWED = frozenset({State.REJECTED, State.EXPIRED, State.DELETED})
"""States whose bytes must all be purged."""


class ChecksumAlgorithm(StrEnum):
    """What a client may promise about its bytes."""

    CRC32C = "crc32c"
    SHA256 = "sha256"


@dataclass(frozen=True, slots=True)
class Checksum:
    """A promised checksum: `value` is base64 (RFC 4648) of the big-endian digest, as S3 writes it."""

    algorithm: ChecksumAlgorithm
    value: str


@dataclass(frozen=True, slots=True)
class Attachment:
    """The application's record that an image belongs to: `type` and `id` are the application's words."""

    type: str
    id: str


@dataclass(frozen=True, slots=True)
class NewImage:
    """An image as REQUEST creates it, before any byte has come."""

    id: ImageId
    kind: str
    public: bool
    owner: str | None
    attached_to: Attachment | None
    filename: str
    declared_type: str
    declared_bytes: int
    checksum: Checksum | None
    created_at: datetime
    expires_at: datetime
    hidden: bool = False
    """Not to be shown until the application has said so."""
    position: int = 0
    """Its place among the images of its record and kind."""
    multipart_id: str | None = None
    """By what name the store knows its upload, where that comes in parts."""


@dataclass(frozen=True, slots=True)
class Verified:
    """What the bytes turned out to be, when PROCESS looked at them."""

    content_type: str
    bytes: int
    sha256: str
    width: int
    height: int
    renditions_expected: int


@dataclass(frozen=True, slots=True)
class Look:
    """What a page can show before the image has loaded."""

    placeholder: str
    color: str


@dataclass(frozen=True, slots=True)
class Ending:
    """Why an image was rejected or failed: a stable code and a sentence for the end user."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Image:
    """The record. Everything else (URLs, progress, events) is built from it.

    `upload_attempt` counts signed uploads, each with a key of its own; `attempt` counts workers that took the image and
    fences their writes; `revision` rises with every visible change and makes the ETag of CHECK.
    """

    id: ImageId
    kind: str
    state: State
    public: bool
    owner: str | None
    attached_to: Attachment | None
    filename: str
    declared_type: str
    declared_bytes: int
    checksum: Checksum | None
    upload_attempt: int
    attempt: int
    token_generation: int
    revision: int
    verified: Verified | None
    look: Look | None
    original_kept: bool
    ending: Ending | None
    created_at: datetime
    expires_at: datetime
    """The last upload URL ends here."""
    lease_until: datetime | None
    next_attempt_at: datetime | None
    ready_at: datetime | None
    purged_at: datetime | None
    reprocess_wanted_at: datetime | None = None
    """Since when it is owed to render a ready image again, as its kind is declared now; ends with that."""
    reprocess_tries: int = 0
    """How often that was begun."""
    hidden: bool = False
    """Not to be shown until the application has said so: REVIEW ends it."""
    attached_at: datetime | None = None
    """When it was attached to what it is attached to: where there is place for one, the later one stays."""
    position: int = 0
    """Its place among the images of its record and kind, ascending."""
    clear_due_at: datetime | None = None
    """When to remove what lies of it where it does not belong; until that is done, nobody begins to store more."""
    multipart_id: str | None = None
    """By what name the store knows the latest upload, where that comes in parts."""

    @property
    def is_shown(self) -> bool:
        """Whether what is stored of it may be read."""
        return self.state in SHOWN and not self.hidden

    def is_shown_to(self, *, application: bool) -> bool:
        """Whether somebody may read what is stored of it: the application sees also what waits for its verdict."""
        return self.is_shown or (application and self.state is State.HELD)


@dataclass(frozen=True, slots=True)
class Rendition:
    """One stored result of one variant. Its object key follows from these fields alone."""

    image_id: ImageId
    variant: str
    fingerprint: str
    format: str
    width: int
    height: int
    bytes: int
