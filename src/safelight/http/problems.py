"""Errors as HTTP knows them: the only place that speaks of statuses. Bodies are problem documents (RFC 9457)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from http import HTTPStatus
from types import MappingProxyType
from typing import Any

from safelight.domain import errors
from safelight.domain.errors import SafelightError
from safelight.http.rate_headers import rate_headers

STATUS: Mapping[type[SafelightError], int] = MappingProxyType(
    {
        errors.NotAuthenticated: 401,
        errors.NotAllowed: 403,
        errors.TokenInvalid: 403,
        errors.TokenExpired: 403,
        errors.TokenSpent: 403,
        errors.OwnerBlocked: 403,
        errors.TooManyRequests: 429,
        errors.TooManyOpenUploads: 429,
        errors.QuotaExceeded: 422,
        errors.IdempotencyKeyReused: 409,
        errors.IdempotencyInProgress: 409,
        errors.UnknownKind: 404,
        errors.UnknownVariant: 404,
        errors.ImageNotFound: 404,
        errors.ImageGone: 410,
        errors.ImageNotReady: 404,
        errors.WrongState: 409,
        errors.ImageBusy: 409,
        errors.EmptyFile: 422,
        errors.TooLarge: 413,
        errors.TypeNotAccepted: 415,
        errors.UnsupportedTransport: 422,
        errors.RequestInvalid: 422,
        errors.RequestTooLarge: 413,
        errors.RecordFull: 422,
        errors.KindDiffers: 422,
        errors.NothingUploaded: 409,
        errors.SizeDiffers: 422,
        errors.TooManyAttempts: 409,
        errors.NotInParts: 409,
        errors.PartsMissing: 409,
        errors.PartsMoving: 409,
        errors.UploadEnded: 409,
        errors.AlreadyWritten: 412,
        errors.BodyTooLong: 413,
        errors.BodyTooShort: 400,
        errors.ChecksumDiffers: 422,
        errors.UploadTooSlow: 408,
        errors.RangeNotSatisfiable: 416,
        errors.DiskFull: 507,
        errors.ImageRejected: 422,
        errors.ObjectMissing: 500,
        errors.ObjectChanged: 500,
        errors.StorageFailed: 503,
        errors.RenderingFailed: 500,
        errors.ScannerFailed: 500,
        errors.DeliveryFailed: 502,
        errors.Busy: 503,
        errors.KindInvalid: 500,
    }
)
"""The status of every error."""

CONTENT_TYPE = "application/problem+json"
TYPE = "urn:problem-type:safelight:"
"""What the type of every problem begins with; its code follows."""

RETRY_AFTER_SECONDS = "5"

WHEN_TO_RETRY = frozenset({429, 503, 507})
"""Statuses whose `Retry-After` clients honour (RFC 9110, 10.2.3)."""

OUR_FAULT = "Something went wrong on our side. Try again later, or tell the operator the request id."
"""All that callers hear of our own failures: the reasons name things that are not theirs to know."""


@dataclass(frozen=True, slots=True)
class Problem:
    """An answer that says what went wrong."""

    status: int
    headers: dict[str, str]
    body: bytes


def problem(error: Exception, *, request_id: str | None) -> Problem:
    """Return the answer to an error. One that is not ours is an internal error, and tells nothing."""
    if not isinstance(error, SafelightError):
        return http_problem(500, detail=OUR_FAULT, code="internal_error", request_id=request_id)
    status = STATUS[type(error)]
    ours = isinstance(error, errors.Ours | errors.KindInvalid)
    return http_problem(
        status,
        detail=OUR_FAULT if ours else str(error),
        code=error.code,
        retryable=error.retryable,
        headers=_headers_of(error),
        members=_members_of(error),
        request_id=request_id,
    )


def http_problem(
    status: int,
    *,
    detail: str,
    code: str | None = None,
    retryable: bool = False,
    headers: Mapping[str, str] | None = None,
    members: Mapping[str, Any] | None = None,
    request_id: str | None = None,
) -> Problem:
    """Return the answer to what HTTP itself knows as an error, such as 404 or 405. The code follows from the status.

    `members` stand in the document beside those that every problem has (RFC 9457, 3.2).
    """
    code = code or HTTPStatus(status).phrase.lower().replace(" ", "_")
    document = dict(members or {}) | {
        "type": TYPE + code,
        "title": code.replace("_", " ").capitalize(),
        "status": status,
        "detail": detail,
        "code": code,
        "retryable": retryable,
        "request_id": request_id,
    }
    retry = {"retry-after": RETRY_AFTER_SECONDS} if status in WHEN_TO_RETRY else {}
    fixed = {"content-type": CONTENT_TYPE, "cache-control": "no-store", "x-content-type-options": "nosniff"}
    return Problem(status, fixed | retry | dict(headers or {}), json.dumps(document).encode())


def wrong_method(allowed: str, *, request_id: str | None) -> Problem:
    """Return the answer to a method other than those `allowed`, which are separated by commas."""
    return http_problem(405, detail=f"Use one of: {allowed}.", headers={"allow": allowed}, request_id=request_id)


def _members_of(error: SafelightError) -> dict[str, Any]:
    """Return the facts of a refusal, for programs: its text tells them to people. Those of other errors stay inside."""
    return {fact.name: getattr(error, fact.name) for fact in fields(error)} if isinstance(error, errors.Refused) else {}


def _headers_of(error: SafelightError) -> dict[str, str]:
    match error:
        case errors.NotAuthenticated():
            return {"www-authenticate": "Bearer"}
        case errors.RangeNotSatisfiable(size=size):
            return {"content-range": f"bytes */{size}"}
        case errors.IdempotencyInProgress(retry_after=seconds):
            return {"retry-after": str(seconds)}
        case errors.TooManyRequests(policy=policy, allowed=allowed, window_seconds=window, retry_after=seconds):
            limits = rate_headers(policy, allowed=allowed, window_seconds=window, left=0, reset=seconds)
            return {"retry-after": str(seconds), **limits}
        case errors.ImageNotReady():
            return {"retry-after": RETRY_AFTER_SECONDS}
        case _:
            return {}
