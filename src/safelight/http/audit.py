"""What the audit log is told of calls that change nothing: those that were refused, and views."""

import re
from collections.abc import Mapping
from typing import Any

from safelight.domain import keys
from safelight.domain.errors import Refused, SafelightError, TooManyRequests
from safelight.domain.events import Action, Origin
from safelight.domain.image import Image, ImageId
from safelight.http.auth import ApiRequest, origin_of
from safelight.http.parts import Parts

ACTION = "action"
"""Key of a route's `opt`: the Action that a call of it asks for."""

_ID = re.compile(keys.ID)


def note_refusal(request: ApiRequest, error: SafelightError, parts: Parts) -> None:
    """Note that a call was refused: what was asked for, by whom, of which image, and the error's code.

    What failed by our fault was no decision, and is logged. Of calls beyond a rate, one stands for all of its kind.
    """
    scope: Mapping[str, Any] = request.scope  # without a route where there is none for the path
    action: Action | None = scope["route_handler"].opt.get(ACTION) if "route_handler" in scope else None
    if action is None or not isinstance(error, Refused):
        return
    too_many = isinstance(error, TooManyRequests)
    event = origin_of(request).event(
        action,
        at=parts.clock.now(),
        image_id=None if too_many else _image_named_by(request),
        result=error.code,
    )
    parts.audit.note(event, once=too_many)


def note_view(origin: Origin, image: Image, variant: str, parts: Parts) -> None:
    """Note that somebody was shown the way to a rendition of a protected image."""
    event = origin.event(Action.VIEWED, at=parts.clock.now(), image=image, target=f"variant:{variant}")
    parts.audit.note(event)


def _image_named_by(request: ApiRequest) -> ImageId | None:
    """Return the image of the path. What is no id is left out: it could be anything, a token as well."""
    named = request.path_params.get("image_id", "")
    return ImageId(named) if _ID.fullmatch(named) else None
