"""How the audit log looks to people: one line for each event, the most telling first."""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC

from rich.text import Text

from safelight.domain.errors import Refused
from safelight.domain.events import AuditEvent

COLUMNS = {"When (UTC)": 19, "What": 20, "Result": 17, "Who": 16, "From": 15, "Image": 32, "Owner": 8, "About": 0}
"""The least width of each: what is longer moves the rest of its line. The first four fit a terminal of 80 columns."""

REFUSALS = frozenset(error.code for error in Refused.__subclasses__())
"""The results of what was not done."""

DIM, REFUSED = "dim", "yellow"
NOTHING = "-"
TAIL = 8

_LONG_ID = re.compile(rf"\b[0-9a-f]{{{32 - TAIL}}}([0-9a-f]{{{TAIL}}})\b")
"""Ids begin with the time they were made at; their ends tell them apart."""


def heading() -> Text:
    """Return the names of the columns."""
    return Text(_spread(tuple(COLUMNS)), style="bold")


def lines(events: Sequence[AuditEvent]) -> Iterator[Text]:
    """Yield one line for each event."""
    for event in events:
        line = Text(_spread(_cells(event)), style=REFUSED if event.result in REFUSALS else "")
        line.stylize(DIM, 0, COLUMNS["When (UTC)"])
        yield line


def _cells(event: AuditEvent) -> tuple[str, ...]:
    return (
        f"{event.at.astimezone(UTC):%Y-%m-%d %H:%M:%S}",
        event.action,
        event.result,
        _short(event.actor),
        event.address or NOTHING,
        event.image_id or NOTHING,
        event.owner or NOTHING,
        _short(event.target or ""),
    )


def _spread(cells: Sequence[str]) -> str:
    return "  ".join(
        f"{_printable(cell):<{width}}" for cell, width in zip(cells, COLUMNS.values(), strict=True)
    ).rstrip()


def _short(text: str) -> str:
    """Return the text with the ids of keys in it shortened to their ends."""
    return _LONG_ID.sub(r"…\1", text)


def _printable(text: str) -> str:
    """Return the text without what moves the cursor: names come from users of the application."""
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text)
