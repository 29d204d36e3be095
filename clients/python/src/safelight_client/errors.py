"""Everything that can go wrong, as one tree.

    SafelightError
    +-- NotAuthenticated  NotAllowed  RateLimited     who asks, and how often
    +-- RequestInvalid  UnknownKind  UnknownVariant   what was asked for cannot be
    +-- ImageNotFound  ImageGone  ImageNotReady  WrongState
    +-- InProgress                                    an earlier try of the same call is being answered still
    +-- FileRefused                                   the file's fault: choose another one
    |   +-- EmptyFile  TooLarge  TypeNotAccepted  QuotaExceeded
    |   +-- ImageRejected                             found out when the bytes were looked at
    +-- UploadFailed                                  the bytes did not arrive
    +-- ImageFailed  ServerFailed                     the server's fault
    +-- StillProcessing                               not final within the time given
    +-- ConnectionFailed                              no answer, after several tries
    +-- InvalidAnswer                                 an answer that makes no sense: a wrong address, or versions apart

`str(error)` is a sentence that says what happened and what to do next.
"""

from collections.abc import Mapping


class SafelightError(Exception):
    """Base of everything that this package raises on purpose.

    `code` is stable and meant for programs; `status` is the HTTP status, where there was an answer; `retryable` says
    whether the same call can succeed later, and `retry_after` in how many seconds, where the server said so;
    `request_id` is what the server's log calls the request.
    """

    default_code = "error"

    def __init__(
        self,
        detail: str,
        *,
        code: str | None = None,
        status: int | None = None,
        retryable: bool = False,
        retry_after: float | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code or self.default_code
        self.status = status
        self.retryable = retryable
        self.retry_after = retry_after
        self.request_id = request_id


class NotAuthenticated(SafelightError):
    """The API key or token is missing, wrong, or at its end."""


class NotAllowed(SafelightError):
    """Whoever asked may not do this."""


class RateLimited(SafelightError):
    """Too many requests; `retry_after` says when there may be more."""


class RequestInvalid(SafelightError):
    """The server does not understand or support what was asked for."""


class UnknownKind(RequestInvalid):
    """There is no such kind of image."""


class UnknownVariant(RequestInvalid):
    """The image's kind has no such variant, or nothing of it is stored."""

    default_code = "unknown_variant"


class ImageNotFound(SafelightError):
    """There is no such image, or none that the caller may see."""


class ImageGone(SafelightError):
    """The image has expired or was deleted."""

    default_code = "image_gone"


class ImageNotReady(SafelightError):
    """There is nothing to show yet."""


class WrongState(SafelightError):
    """That cannot be done to the image any more."""


class InProgress(SafelightError):
    """An earlier try of the same call is being answered still; the same call later gets that answer."""


class FileRefused(SafelightError):
    """The file cannot be taken. Its text can be shown to whoever chose the file."""


class EmptyFile(FileRefused):
    """The file has no bytes."""


class TooLarge(FileRefused):
    """The file has more bytes than its kind allows."""


class TypeNotAccepted(FileRefused):
    """The kind takes no files of that declared type."""


class QuotaExceeded(FileRefused):
    """There is no room left: for the owner, or at the record."""


class ImageRejected(FileRefused):
    """The bytes are no image that can be shown; `code` is the reason, such as `not_an_image` or `truncated`."""

    def __init__(self, detail: str, *, code: str, image_id: str) -> None:
        super().__init__(detail, code=code)
        self.image_id = image_id


class UploadFailed(SafelightError):
    """The bytes did not arrive as they should."""

    default_code = "upload_failed"


class ImageFailed(SafelightError):
    """The server could not process the image, and its operator has been told; nothing is wrong with the file."""

    def __init__(self, detail: str, *, code: str, image_id: str) -> None:
        super().__init__(detail, code=code)
        self.image_id = image_id


class ServerFailed(SafelightError):
    """The server, or something that it stands on, is in trouble."""

    default_code = "server_failed"


class StillProcessing(SafelightError):
    """The image was not final in time. It goes on all the same: `wait` for it again, or let a webhook tell."""

    def __init__(self, image_id: str, *, waited_s: float) -> None:
        super().__init__(
            f"Image {image_id!r} is not finished after {waited_s:g} seconds. Wait for it again.",
            code="still_processing",
            retryable=True,
        )
        self.image_id = image_id


class ConnectionFailed(SafelightError):
    """No answer came."""

    default_code = "connection_failed"


class InvalidAnswer(SafelightError):
    """An answer came that is none of Safelight's."""

    default_code = "invalid_answer"


BY_CODE: Mapping[str, type[SafelightError]] = {
    "not_authenticated": NotAuthenticated,
    "token_invalid": NotAuthenticated,
    "token_expired": NotAuthenticated,
    "token_spent": NotAuthenticated,
    "not_allowed": NotAllowed,
    "owner_blocked": NotAllowed,
    "too_many_requests": RateLimited,
    "too_many_open_uploads": RateLimited,
    "request_invalid": RequestInvalid,
    "request_too_large": RequestInvalid,
    "unsupported_transport": RequestInvalid,
    "range_not_satisfiable": RequestInvalid,
    "idempotency_key_reused": RequestInvalid,
    "idempotency_in_progress": InProgress,
    "kind_differs": RequestInvalid,
    "unknown_kind": UnknownKind,
    "unknown_variant": UnknownVariant,
    "image_not_found": ImageNotFound,
    "image_gone": ImageGone,
    "image_not_ready": ImageNotReady,
    "wrong_state": WrongState,
    "image_busy": WrongState,
    "too_many_attempts": UploadFailed,
    "empty_file": EmptyFile,
    "too_large": TooLarge,
    "type_not_accepted": TypeNotAccepted,
    "quota_exceeded": QuotaExceeded,
    "record_full": QuotaExceeded,
    "image_rejected": FileRefused,
    "nothing_uploaded": UploadFailed,
    "size_differs": UploadFailed,
    "not_in_parts": UploadFailed,
    "parts_missing": UploadFailed,
    "parts_moving": UploadFailed,
    "upload_ended": UploadFailed,
    "already_written": UploadFailed,
    "body_too_long": UploadFailed,
    "body_too_short": UploadFailed,
    "checksum_differs": UploadFailed,
    "upload_too_slow": UploadFailed,
    "disk_full": ServerFailed,
    "busy": ServerFailed,
    "internal_error": ServerFailed,
    "service_unavailable": ServerFailed,
    "object_missing": ServerFailed,
    "object_changed": ServerFailed,
    "storage_failed": ServerFailed,
    "rendering_failed": ServerFailed,
    "scanner_failed": ServerFailed,
    "delivery_failed": ServerFailed,
    "kind_invalid": ServerFailed,
}
"""The class of every code that a server sends in a problem document; a code not listed gives SafelightError itself."""
