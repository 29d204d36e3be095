"""What a caller would rather have (RFC 7240)."""

import re
from datetime import timedelta

_WAIT = re.compile(r"(?:^|[,;\s])wait=(\d{1,4})(?:$|[,;\s])")


def wanted_wait(prefer: str | None) -> timedelta | None:
    """Return how long a caller would wait for its answer; None where it says nothing of it."""
    match = _WAIT.search(prefer or "")
    return timedelta(seconds=int(match[1])) if match else None
