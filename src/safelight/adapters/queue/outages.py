"""What PgQueuer's own logger says while Postgres is away: now and then a line, and no traceback."""

import logging
from datetime import timedelta

from safelight.adapters.queue.errors import LOST

AGAIN_AFTER = timedelta(seconds=10)
"""PgQueuer tells of each of its tries, several a second."""


class Brief(logging.Filter):
    """Makes what was logged because of Postgres one warning with its reason, and drops the next ones for a while."""

    def __init__(self) -> None:
        super().__init__()
        self._quiet_until = 0.0

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether to log it. Every other failure is logged, with its traceback."""
        error = record.exc_info[1] if record.exc_info else None
        if not isinstance(error, LOST):
            return True
        if record.created < self._quiet_until:
            return False
        self._quiet_until = record.created + AGAIN_AFTER.total_seconds()
        record.msg = f"{record.getMessage()}: {str(error) or type(error).__name__}"
        record.args = record.exc_info = None
        record.levelno, record.levelname = logging.WARNING, logging.getLevelName(logging.WARNING)
        return True


BRIEF = Brief()


def tell_outages_briefly() -> None:
    """Have PgQueuer tell an outage of Postgres so. A second time changes nothing."""
    logging.getLogger("pgqueuer").addFilter(BRIEF)
