"""What PgQueuer says of an outage takes one line."""

import logging

import asyncpg
import pytest

from safelight.adapters.queue.outages import tell_outages_briefly

PGQUEUER = logging.getLogger("pgqueuer")


def log_failure(error: Exception) -> None:
    """Log as PgQueuer does where it could not write down what was done."""
    try:
        raise error
    except type(error):
        PGQUEUER.exception("Flush failed, requeuing %d items", 3)


@pytest.mark.parametrize("error", [ConnectionRefusedError("refused"), asyncpg.InterfaceError("refused")])
def test_an_outage_is_a_warning_with_its_reason_and_no_traceback(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    tell_outages_briefly()

    log_failure(error)

    (record,) = caplog.records
    assert record.getMessage() == "Flush failed, requeuing 3 items: refused"
    assert (record.levelname, record.exc_info) == ("WARNING", None)


def test_any_other_failure_keeps_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    tell_outages_briefly()

    log_failure(ValueError("a mistake"))

    (record,) = caplog.records
    assert record.levelname == "ERROR"
    assert record.exc_info is not None
