"""How a job ended, for the log and the metrics."""

from datetime import timedelta

import structlog

from safelight.domain.errors import Busy
from safelight.domain.image import Image, State
from safelight.domain.jobs import DeliveryId
from safelight.domain.outcome import Broken, Done, Outcome, Spoilt, Waits
from safelight.journey.announce import Tried
from safelight.journey.process import KINDS_OLDER

log = structlog.get_logger()

AWAITED = {KINDS_OLDER: "newer_kinds", Busy.code: "database"}
"""What an image waits for, by the code of why, where that is no scanner."""


def word_of(outcome: Outcome) -> str:
    """Return what the metrics call an outcome."""
    match outcome:
        case Done(unscanned=reason):
            return "unscanned" if reason else "ok"
        case Spoilt(reason):
            return reason
        case Broken(code) | Waits(code):
            return code


def tell_of_image(image: Image, outcome: Outcome, state: State, took: timedelta) -> None:
    """Log how one try at an image ended."""
    event = log.bind(
        image_id=image.id,
        kind=image.kind,
        state=state,
        attempt=image.attempt,
        bytes=image.declared_bytes,
        milliseconds=took // timedelta(milliseconds=1),
    )
    match outcome:
        case Done() | Spoilt() if state is State.UPLOADED:
            event.info("image_handed_back")
        case Done(unscanned=""):
            event.info("image_processed")
        case Done(unscanned=reason):
            event.warning("image_processed_unscanned", detail=reason)
        case Spoilt(reason, detail):
            event.info("image_rejected", reason=reason, **({"detail": detail} if detail else {}))
        case Waits(code, detail):
            event.warning(f"image_waits_for_{AWAITED.get(code, 'scanner')}", code=code, detail=detail)
        case Broken(code, detail, error):
            event.warning("image_not_processed", code=code, detail=detail, exc_info=error)


def tell_of_webhook(delivery_id: DeliveryId, tried: Tried) -> None:
    """Log how one try at a webhook ended."""
    event = log.bind(delivery_id=delivery_id, event_type=tried.event, attempt=tried.attempt)
    if tried.error is None:
        event.info("webhook_sent")
        return
    again_at = tried.again_at.isoformat() if tried.again_at else None
    event.warning("webhook_failed", reason=tried.error, again_at=again_at, given_up=again_at is None)
