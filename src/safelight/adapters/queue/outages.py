"""What PgQueuer's own logger says while Postgres is away: a line each time, and no traceback."""

import logging

from safelight.adapters.queue.errors import LOST


def tell_outages_briefly() -> None:
    """Have PgQueuer tell an outage of Postgres as a warning of one line. Every other failure keeps its traceback."""
    logging.getLogger("pgqueuer").addFilter(in_one_line)


def in_one_line(record: logging.LogRecord) -> bool:
    """Take the traceback from what was logged because of Postgres, and add the reason. Every record is let through."""
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, LOST):
        record.msg = f"{record.getMessage()}: {str(error) or type(error).__name__}"
        record.args = record.exc_info = None
        record.levelno, record.levelname = logging.WARNING, logging.getLevelName(logging.WARNING)
    return True
