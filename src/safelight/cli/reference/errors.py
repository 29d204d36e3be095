"""The page of errors."""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum

from safelight.cli.reference.markdown import table
from safelight.domain.errors import SENTENCES, ImageRejected, KindInvalid, Ours, Reason, SafelightError
from safelight.http.problems import OUR_FAULT, STATUS, TYPE

INTRODUCTION = f"""# Errors

Every error of the API and of the upload service is a problem document (RFC 9457, `application/problem+json`):

```json
{{"type": "{TYPE}too_large", "title": "Too large", "status": 413, "code": "too_large",
 "detail": "The file has 12,000,000 bytes; at most 10,000,000 are allowed. Choose a smaller one.",
 "retryable": false, "request_id": "...", "actual": 12000000, "allowed": 10000000}}
```

`code` is stable and meant for programs; `detail` is for people and may be put better in any version. `retryable` says
whether the same call can succeed later; with 429, 503 and 507 `Retry-After` says when. `request_id` finds the call in
the server's log. What HTTP itself knows as an error, such as 405, has its name as the code: `method_not_allowed`.

This page is made from `src/safelight/domain/errors.py` by `make docs`. Words in braces are filled in. What the caller
can mend has the same words as members of the document: `quota_exceeded` has `what`, `used`, `wanted` and `allowed`.
"""

CALLERS = "## What the caller can mend\n"

SERVERS = f"""## What the server has to answer for

The text is for the log and the operator. What is not foreseen has the code `internal_error`. The caller is told no more
than this:

> {OUR_FAULT}
"""

FILES = """## Why a file is rejected

The image's own `error.code`, in CHECK, events and webhooks, when its status is `rejected`; `error.message` is the
sentence, and can be shown to whoever chose the file. Where it is `failed`, the code is one of the server's above.
"""

OF_THE_SERVER = (Ours, KindInvalid)
INSIDE_ALONE = (ImageRejected,)
"""Told by the reasons."""


def page(status: Mapping[type[SafelightError], int] = STATUS, reasons: type[StrEnum] = Reason) -> str:
    """Return the page."""
    ours = [error for error in status if issubclass(error, OF_THE_SERVER)]
    refused = [error for error in status if not issubclass(error, (*OF_THE_SERVER, *INSIDE_ALONE))]
    sentences = {str(reason): sentence for reason, sentence in SENTENCES.items()}
    parts = (
        INTRODUCTION,
        CALLERS,
        _table(refused, status),
        SERVERS,
        _table(ours, status),
        FILES,
        table(("code", "sentence"), [(f"`{reason}`", sentences.get(str(reason), "")) for reason in reasons]),
    )
    return "\n".join(parts)


def _table(errors: Iterable[type[SafelightError]], status: Mapping[type[SafelightError], int]) -> str:
    return table(("code", "status", "retryable", "text"), [_line(error, status[error]) for error in errors])


def _line(error: type[SafelightError], status: int) -> Sequence[str]:
    text = error.text.replace("!r}", "}").replace(":,}", "}")
    return f"`{error.code}`", str(status), "yes" if error.retryable else "no", text
