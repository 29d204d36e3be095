"""From an answer that says no to the error that says why."""

import re

from safelight_client.errors import BY_CODE, SafelightError, ServerFailed, UploadFailed
from safelight_client.exchange import Response
from safelight_client.reading import Document, optional
from safelight_client.retry import RETRIED, retry_after_s

S3_CODE = re.compile(rb"<Code>(\w{1,80})</Code>")


def error_of(response: Response) -> SafelightError:
    """Return the error that an RFC 9457 problem document stands for; its code chooses the class."""
    problem = _problem(response)
    code = optional(problem, "code", str) if problem else None
    if problem is None or code is None:
        broken = response.status >= 500  # noqa: PLR2004 - RFC 9110, 15.6
        detail = f"The server answered {response.status}, without saying why."
        return _error(ServerFailed if broken else SafelightError, response, f"http_{response.status}", detail)
    detail = optional(problem, "detail", str) or optional(problem, "title", str) or code
    return _error(BY_CODE.get(code, SafelightError), response, code, detail, problem)


def upload_error_of(response: Response) -> SafelightError:
    """Return the error of a refused upload: our upload service sends problem documents, S3 sends XML."""
    if _problem(response):
        return error_of(response)
    found = S3_CODE.search(response.body)
    reason = f"{response.status} {found[1].decode()}" if found else str(response.status)
    return _error(UploadFailed, response, UploadFailed.default_code, f"The storage refused the file ({reason}).")


def _error(
    kind: type[SafelightError], response: Response, code: str, detail: str, problem: Document | None = None
) -> SafelightError:
    retryable = optional(problem, "retryable", bool) if problem else None
    return kind(
        detail,
        code=code,
        status=response.status,
        retryable=response.status in RETRIED if retryable is None else retryable,
        retry_after=retry_after_s(response),
        request_id=(optional(problem, "request_id", str) if problem else None) or response.headers.get("x-request-id"),
    )


def _problem(response: Response) -> Document | None:
    if "json" not in response.headers.get("content-type", ""):
        return None
    try:
        return response.document()
    except SafelightError:
        return None
