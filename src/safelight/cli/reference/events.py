"""The page of events."""

from enum import StrEnum

from safelight.cli.reference.described import meanings
from safelight.cli.reference.markdown import table
from safelight.domain.events import TOLD, Action, AuditEvent, WebhookEvent
from safelight.http.image_routes import STREAM_EVENT

INTRODUCTION = """# Events

What happens to an image is told in three ways: webhooks to the application, an event stream to whoever waits for the
image, and the audit log for the operator.

This page is made from `src/safelight/domain/events.py` by `make docs`.
"""

WEBHOOKS = """## Webhooks

`type` of the message; `data` is what CHECK says of the image. [Webhooks](../webhooks.md) says how to take them.
"""

STREAM = f"""## Event stream

`GET /v1/images/{{id}}/events` ([routes](http.md)) sends one sort of event:

| event | when |
|---|---|
| `{STREAM_EVENT}` | at once, and after every change until the image is final |

`data` is what CHECK says of the image, `id` its revision. A comment, `: ping`, comes when there was nothing to say for
`SAFELIGHT_EVENTS_PING`.
"""

AUDIT = """## Audit log

Written in the transaction of what was decided; refusals and views of protected images a moment later, together. A call
that was refused has the action that it asked for, and the error's code as its result.
"""

COLUMNS = """### What an audit event says

Neither tokens nor file names.
"""


def page(webhooks: type[StrEnum] = WebhookEvent, actions: type[StrEnum] = Action) -> str:
    """Return the page."""
    states = {str(event): f"`{state}`" for state, event in TOLD.items()}
    said, columns = meanings(webhooks), meanings(AuditEvent)
    told = [(f"`{event}`", states.get(event, ""), said[event.name]) for event in webhooks]
    parts = (
        INTRODUCTION,
        WEBHOOKS,
        table(("event", "when the image is", "meaning"), told),
        STREAM,
        AUDIT,
        table(("action", "meaning"), [(f"`{action}`", meanings(actions)[action.name]) for action in actions]),
        COLUMNS,
        table(("column", "meaning"), [(f"`{name}`", meaning) for name, meaning in columns.items()]),
    )
    return "\n".join(parts)
