"""What PgQueuer says of an outage takes one line, and not one for each try."""

import logging

import asyncpg
import pytest

from safelight.adapters.queue.outages import AGAIN_AFTER, Brief


def failure(error: Exception, *, at_s: float = 0.0) -> logging.LogRecord:
    """Return what PgQueuer logs where it could not write down what was done."""
    told = (type(error), error, None)
    record = logging.LogRecord("pgqueuer", logging.ERROR, "", 0, "Flush failed, requeuing %d items", (3,), told)
    record.created = at_s
    return record


@pytest.mark.parametrize("error", [ConnectionRefusedError("refused"), asyncpg.InterfaceError("refused")])
def test_an_outage_is_a_warning_with_its_reason_and_no_traceback(error: Exception):
    record = failure(error)

    assert Brief().filter(record)
    assert record.getMessage() == "Flush failed, requeuing 3 items: refused"
    assert (record.levelname, record.exc_info) == ("WARNING", None)


def test_an_outage_that_lasts_is_told_now_and_then():
    brief, every_s = Brief(), AGAIN_AFTER.total_seconds()

    told = [brief.filter(failure(OSError("refused"), at_s=at_s)) for at_s in (0, 1, every_s - 1, every_s)]

    assert told == [True, False, False, True]


def test_any_other_failure_keeps_its_traceback_each_time():
    brief = Brief()

    for _ in range(2):
        record = failure(ValueError("a mistake"))

        assert brief.filter(record)
        assert record.levelname == "ERROR"
        assert record.exc_info is not None
