"""The documentation's page of errors, from the errors themselves: `python -m safelight.cli.error_page`."""

import sys
from collections.abc import Iterable, Iterator
from functools import reduce

from safelight.domain.errors import SENTENCES, ImageRejected, KindInvalid, Ours, SafelightError
from safelight.http.problems import OUR_FAULT, STATUS, TYPE

PAGE = f"""# Errors

Every error of the API and of the upload service is a problem document (RFC 9457, `application/problem+json`):

```json
{{"type": "{TYPE}too_large", "title": "Too large", "status": 413, "code": "too_large",
 "detail": "The file has 12,000,000 bytes; at most 10,000,000 are allowed. Choose a smaller one.",
 "retryable": false, "request_id": "..."}}
```

`code` is stable and meant for programs; `detail` is for people and may be put better in any version. `retryable` says
whether the same call can succeed later; with 503 and 507 `Retry-After` says when. `request_id` finds the call in the
server's log. What HTTP itself knows as an error, such as 405, has its name as the code: `method_not_allowed`.

This page is made from `src/safelight/domain/errors.py` by `make docs`. Words in braces are filled in.

## What the caller can mend

| code | status | retryable | text |
|---|---|---|---|
<REFUSED>

## What the server has to answer for

The text is for the log and the operator. What is not foreseen has the code `internal_error`. The caller is told no more
than this:

> {OUR_FAULT}

| code | status | retryable | text |
|---|---|---|---|
<OURS>

## Why a file is rejected

The image's own `error.code`, in CHECK, events and webhooks, when its status is `rejected`; `error.message` is the
sentence, and can be shown to whoever chose the file. Where it is `failed`, the code is one of the server's above.

| code | sentence |
|---|---|
<REASONS>
"""

OF_THE_SERVER = (Ours, KindInvalid)
INSIDE_ALONE = (ImageRejected,)
"""Told by the reasons."""


def page() -> str:
    """Return the page."""
    refused = [error for error in STATUS if not issubclass(error, (*OF_THE_SERVER, *INSIDE_ALONE))]
    ours = [error for error in STATUS if issubclass(error, OF_THE_SERVER)]
    reasons = [f"| `{reason}` | {sentence} |" for reason, sentence in SENTENCES.items()]
    tables = {"REFUSED": _lines(refused), "OURS": _lines(ours), "REASONS": reasons}
    return reduce(lambda text, name: text.replace(f"<{name}>", "\n".join(tables[name])), tables, PAGE)


def _lines(errors: Iterable[type[SafelightError]]) -> Iterator[str]:
    for error in errors:
        text = error.text.replace("!r}", "}").replace(":,}", "}").replace("|", "\\|")
        yield f"| `{error.code}` | {STATUS[error]} | {'yes' if error.retryable else 'no'} | {text} |"


if __name__ == "__main__":
    sys.stdout.write(page())
