"""Everything that can go wrong, as one tree.

    SafelightError
    +-- Refused                 the caller asked for what cannot be; nothing was changed
    |   +-- NotAuthenticated  NotAllowed  TokenInvalid  TokenExpired  TokenSpent  OwnerBlocked
    |   +-- TooManyRequests  TooManyOpenUploads  QuotaExceeded
    |   +-- IdempotencyKeyReused  IdempotencyInProgress
    |   +-- UnknownKind  UnknownVariant  ImageNotFound  ImageGone  ImageNotReady  WrongState  ImageBusy
    |   +-- EmptyFile  TooLarge  TypeNotAccepted  UnsupportedTransport  RequestInvalid  RequestTooLarge
    |   +-- RecordFull  KindDiffers
    |   +-- NothingUploaded  SizeDiffers  TooManyAttempts
    |   +-- NotInParts  PartsMissing  PartsMoving  UploadEnded
    |   +-- AlreadyWritten  BodyTooLong  BodyTooShort  ChecksumDiffers  UploadTooSlow  RangeNotSatisfiable
    |   +-- DiskFull
    +-- ImageRejected           the file's fault: the image ends as `rejected`, with a reason
    +-- Ours                    our fault: retried, then shown to the operator
    |   +-- ObjectMissing  ObjectChanged  StorageFailed  RenderingFailed  ScannerFailed  DeliveryFailed  Busy
    +-- KindInvalid             a declaration that makes no sense; found when the kinds file is loaded

A leaf has a stable `code`, says whether trying again can help, and carries its facts as attributes. Its text says what
happened and what to do next. Only `http/problems.py` knows statuses.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar


@dataclass(eq=False)
class SafelightError(Exception):
    """Base of everything that Safelight raises on purpose."""

    code: ClassVar[str]
    retryable: ClassVar[bool] = False
    text: ClassVar[str]

    def __str__(self) -> str:
        return self.text.format(**vars(self))


class Refused(SafelightError):
    """The caller asked for what cannot be; nothing was changed."""


@dataclass(eq=False)
class NotAuthenticated(Refused):
    code = "not_authenticated"
    text = "This call needs a valid API key or token. Send it as 'Authorization: Bearer ...'."


@dataclass(eq=False)
class NotAllowed(Refused):
    """`action` says in words what was not allowed."""

    code = "not_allowed"
    text = "You may not {action}. An API key needs the right scope; a user needs a rule of the kind that allows it."
    action: str


@dataclass(eq=False)
class TokenInvalid(Refused):
    code = "token_invalid"
    text = "This token or signed URL is not valid here. Use it unchanged, or ask for a new one."


@dataclass(eq=False)
class TokenExpired(Refused):
    code = "token_expired"
    text = "This signed URL has expired. Ask for a new one."


@dataclass(eq=False)
class TokenSpent(Refused):
    code = "token_spent"
    text = "The write token of image {image_id!r} ended when the image became {state}. Go on with its read token."
    image_id: str
    state: str


@dataclass(eq=False)
class OwnerBlocked(Refused):
    code = "owner_blocked"
    text = "Uploads of this owner are blocked. Ask whoever runs the application; what was uploaded is kept."


@dataclass(eq=False)
class TooManyRequests(Refused):
    """At most `allowed` calls in `window_seconds`; there are more in `retry_after` seconds. `policy` says whose."""

    code = "too_many_requests"
    retryable = True
    text = "At most {allowed:,} calls in {window_seconds} seconds are taken. Try again in {retry_after} seconds."
    policy: str
    allowed: int
    window_seconds: int
    retry_after: int


@dataclass(eq=False)
class TooManyOpenUploads(Refused):
    code = "too_many_open_uploads"
    retryable = True
    text = "{used:,} uploads are open; at most {allowed:,} may be. Finish or cancel one, or wait until it expires."
    used: int
    allowed: int


@dataclass(eq=False)
class QuotaExceeded(Refused):
    """`what` is counted in: bytes or images."""

    code = "quota_exceeded"
    text = "{used:,} of {allowed:,} {what} are used, and this upload needs {wanted:,} more. Delete images first."
    what: str
    used: int
    wanted: int
    allowed: int


@dataclass(eq=False)
class IdempotencyKeyReused(Refused):
    code = "idempotency_key_reused"
    text = (
        "This Idempotency-Key was used for another request, or its answer cannot be read any more. "
        "Send this one with a new key."
    )


@dataclass(eq=False)
class IdempotencyInProgress(Refused):
    code = "idempotency_in_progress"
    retryable = True
    text = "A request with this Idempotency-Key is being answered. Ask again in {retry_after} s, with the same key."
    retry_after: int


@dataclass(eq=False)
class UnknownKind(Refused):
    code = "unknown_kind"
    text = "There is no kind {kind!r}. Known kinds: {known}."
    kind: str
    known: str


@dataclass(eq=False)
class UnknownVariant(Refused):
    code = "unknown_variant"
    text = "Kind {kind!r} has no variant {variant!r}. It has: {known}."
    kind: str
    variant: str
    known: str


@dataclass(eq=False)
class ImageNotFound(Refused):
    code = "image_not_found"
    text = "There is no image {image_id!r} that you may see."
    image_id: str


@dataclass(eq=False)
class ImageGone(Refused):
    code = "image_gone"
    text = "Image {image_id!r} is {state}. Request a new upload."
    image_id: str
    state: str


@dataclass(eq=False)
class ImageNotReady(Refused):
    code = "image_not_ready"
    retryable = True
    text = "Image {image_id!r} is {state} and has nothing to show for this variant yet. Ask again later."
    image_id: str
    state: str


@dataclass(eq=False)
class WrongState(Refused):
    code = "wrong_state"
    text = "Image {image_id!r} is {state}, and that cannot be done in this state. See GET /v1/images/{image_id}."
    image_id: str
    state: str


@dataclass(eq=False)
class ImageBusy(Refused):
    code = "image_busy"
    retryable = True
    text = "Files of image {image_id!r} are being moved or removed. Ask again in a few seconds."
    image_id: str


@dataclass(eq=False)
class EmptyFile(Refused):
    code = "empty_file"
    text = "The file is empty. Choose another one."


@dataclass(eq=False)
class TooLarge(Refused):
    code = "too_large"
    text = "The file has {actual:,} bytes; at most {allowed:,} are allowed. Choose a smaller one."
    actual: int
    allowed: int


@dataclass(eq=False)
class TypeNotAccepted(Refused):
    code = "type_not_accepted"
    text = "Files of type {declared!r} are not accepted here. Accepted: {accepted}."
    declared: str
    accepted: str


@dataclass(eq=False)
class UnsupportedTransport(Refused):
    code = "unsupported_transport"
    text = "Transport {transport!r} is not supported here. Supported: {supported}."
    transport: str
    supported: str


@dataclass(eq=False)
class RequestInvalid(Refused):
    """`reason` names the field and what is wrong with it."""

    code = "request_invalid"
    text = "The request cannot be understood: {reason}."
    reason: str


@dataclass(eq=False)
class RequestTooLarge(Refused):
    code = "request_too_large"
    text = "The request body is over {allowed:,} bytes. Files do not go here: send them to the upload URL."
    allowed: int


@dataclass(eq=False)
class RecordFull(Refused):
    code = "record_full"
    text = "This record has {allowed:,} images of kind {kind!r}, and may have no more. Delete one first."
    kind: str
    allowed: int


@dataclass(eq=False)
class KindDiffers(Refused):
    code = "kind_differs"
    text = "Image {image_id!r} is of kind {actual!r} and cannot be attached as {wanted!r}. Upload one of that kind."
    image_id: str
    actual: str
    wanted: str


@dataclass(eq=False)
class NothingUploaded(Refused):
    code = "nothing_uploaded"
    retryable = True
    text = "No file has come for image {image_id!r}. Upload it first, then confirm."
    image_id: str


@dataclass(eq=False)
class SizeDiffers(Refused):
    code = "size_differs"
    text = "The stored file has {stored:,} bytes, but {declared:,} were declared. Request a new upload."
    declared: int
    stored: int


@dataclass(eq=False)
class TooManyAttempts(Refused):
    code = "too_many_attempts"
    text = "This image was given {allowed} upload URLs already. Request a new upload."
    allowed: int


@dataclass(eq=False)
class NotInParts(Refused):
    code = "not_in_parts"
    text = (
        "The upload of image {image_id!r} is no upload in parts. Send the file whole, to the URL that was given for it."
    )
    image_id: str


@dataclass(eq=False)
class PartsMissing(Refused):
    """`missing` has the numbers of the first of them; `count` says how many there are, of `total`."""

    code = "parts_missing"
    retryable = True
    text = (
        "{count:,} of {total:,} parts have not come. GET /v1/images/{image_id}/parts tells which: "
        "send them, then confirm again."
    )
    image_id: str
    count: int
    total: int
    missing: tuple[int, ...]


@dataclass(eq=False)
class PartsMoving(Refused):
    code = "parts_moving"
    retryable = True
    text = "A part of image {image_id!r} was sent anew at this very moment. Confirm again when all have been sent."
    image_id: str


@dataclass(eq=False)
class UploadEnded(Refused):
    code = "upload_ended"
    text = "The storage has given up this upload in parts. Begin a fresh one: POST /v1/images/{image_id}/upload."
    image_id: str


@dataclass(eq=False)
class AlreadyWritten(Refused):
    code = "already_written"
    text = "The file was already uploaded. Go on to confirm it."


@dataclass(eq=False)
class BodyTooLong(Refused):
    code = "body_too_long"
    text = "More than the declared {declared:,} bytes came. Nothing was kept; request an upload of the right size."
    declared: int


@dataclass(eq=False)
class BodyTooShort(Refused):
    code = "body_too_short"
    retryable = True
    text = "{received:,} of {declared:,} bytes came. Nothing was kept; send the whole file again."
    received: int
    declared: int


@dataclass(eq=False)
class ChecksumDiffers(Refused):
    code = "checksum_differs"
    retryable = True
    text = "The bytes do not have the {algorithm} that was promised. Nothing was kept; send the file again."
    algorithm: str


@dataclass(eq=False)
class UploadTooSlow(Refused):
    code = "upload_too_slow"
    retryable = True
    text = "The bytes came too slowly, so the upload was ended. Nothing was kept; send the file again."


@dataclass(eq=False)
class RangeNotSatisfiable(Refused):
    code = "range_not_satisfiable"
    text = "The object has {size:,} bytes, none of them in the range asked for."
    size: int


@dataclass(eq=False)
class DiskFull(Refused):
    code = "disk_full"
    retryable = True
    text = "The server is short of space and takes no files now. Try again later."


class Reason(StrEnum):
    """Why a file was rejected: the codes that an end user's application sees."""

    EMPTY = "empty"
    NOT_AN_IMAGE = "not_an_image"
    TYPE_NOT_ACCEPTED = "type_not_accepted"
    TRUNCATED = "truncated"
    DAMAGED = "damaged"
    TOO_MANY_PIXELS = "too_many_pixels"
    TOO_MANY_FRAMES = "too_many_frames"
    UNPROCESSABLE = "unprocessable"
    INFECTED = "infected"
    REVIEWED = "rejected_in_review"


SENTENCES = {
    Reason.EMPTY: "The file is empty. Please choose another one.",
    Reason.NOT_AN_IMAGE: "This file is not an image that can be shown. Please choose another one.",
    Reason.TYPE_NOT_ACCEPTED: "Images of this type are not accepted here. Please choose another one.",
    Reason.TRUNCATED: "The end of this image is missing. Please send it again, or choose another one.",
    Reason.DAMAGED: "This image is damaged and cannot be read. Please choose another one.",
    Reason.TOO_MANY_PIXELS: "This image has too many pixels. Please choose a smaller one.",
    Reason.TOO_MANY_FRAMES: "This animation has too many frames. Please choose a shorter one.",
    Reason.UNPROCESSABLE: "This image could not be read within safe limits. Please choose another one.",
    Reason.INFECTED: "A scanner found something harmful in this file. Please choose another one.",
    Reason.REVIEWED: "This image was looked at and not accepted. Please choose another one.",
}
"""What the end user reads."""


@dataclass(eq=False)
class ImageRejected(SafelightError):
    """The file's fault. `code` of the image's error is the reason; `detail` is for the operator's log alone."""

    code = "image_rejected"
    text = "The image was rejected: {reason}."
    reason: Reason
    detail: str = ""

    @property
    def sentence(self) -> str:
        """What the end user reads."""
        return SENTENCES[self.reason]


class Ours(SafelightError):
    """Our fault, or our surroundings': retried, then shown to the operator."""

    retryable = True


@dataclass(eq=False)
class ObjectMissing(Ours):
    code = "object_missing"
    text = "Object {key} is not in the store."
    key: str


@dataclass(eq=False)
class ObjectChanged(Ours):
    code = "object_changed"
    text = "Object {key} is not the one that was seen before."
    key: str


@dataclass(eq=False)
class StorageFailed(Ours):
    """A database, a disk or a bucket did. `cure` says what to do, where more is known than that."""

    code = "storage_failed"
    text = "Data cannot be read or written: {reason}. {cure}."
    reason: str
    cure: str = "See the state and the log of what keeps it"


@dataclass(eq=False)
class RenderingFailed(Ours):
    """`reason` says what the sandbox or its child did wrong."""

    code = "rendering_failed"
    text = "The sandbox failed: {reason}. Run `safelight doctor`."
    reason: str


@dataclass(eq=False)
class ScannerFailed(Ours):
    code = "scanner_failed"
    text = "The scanner gave no answer: {reason}. See that it runs and can be reached."
    reason: str


@dataclass(eq=False)
class DeliveryFailed(Ours):
    code = "delivery_failed"
    text = "The webhook could not be delivered: {reason}."
    reason: str


@dataclass(eq=False)
class Busy(Ours):
    code = "busy"
    text = "The server has too much to do at the moment. Try again in a few seconds."


@dataclass(eq=False)
class KindInvalid(SafelightError):
    code = "kind_invalid"
    text = "The kinds file makes no sense: {reason}."
    reason: str
