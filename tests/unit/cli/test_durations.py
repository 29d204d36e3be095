"""Durations as people type them."""

from datetime import timedelta

import pytest
import typer

from safelight.cli.durations import duration


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90m", timedelta(minutes=90)),
        ("24h", timedelta(hours=24)),
        ("30d", timedelta(days=30)),
        ("0m", timedelta(0)),
        ("999999d", timedelta(days=999_999)),
    ],
)
def test_minutes_hours_and_days_are_understood(text: str, expected: timedelta) -> None:
    assert duration(text) == expected


@pytest.mark.parametrize("text", ["", "24", "h", "-1h", "1.5h", "1 h", "24H", "1w", "1h30m", "٣h", "1h\n", "1000000d"])
def test_anything_else_is_refused_with_examples(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="90m, 24h or 30d"):
        duration(text)
