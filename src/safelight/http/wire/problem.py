"""What every error looks like on its way out."""

from msgspec import Struct


class ProblemOut(Struct, frozen=True):
    """An error: RFC 9457. `code` is stable; `retryable` says whether the same call can succeed later.

    Beside these stand the facts of a refusal, such as `used` and `allowed`: see the page of errors.
    """

    type: str
    title: str
    status: int
    detail: str
    code: str
    retryable: bool
    request_id: str | None = None
