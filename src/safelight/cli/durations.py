"""Durations as people type them: `90m`, `24h`, `30d`."""

import re
from datetime import timedelta

import typer

UNITS = {"m": "minutes", "h": "hours", "d": "days"}

_FORM = re.compile(r"([0-9]{1,6})([mhd])")


def duration(text: str) -> timedelta:
    """Return how long that is. Raises typer.BadParameter."""
    match = _FORM.fullmatch(text)
    if match is None:
        raise typer.BadParameter(f"{text!r} is no duration such as 90m, 24h or 30d")
    return timedelta(**{UNITS[match[2]]: int(match[1])})
