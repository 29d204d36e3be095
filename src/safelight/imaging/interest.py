"""What the eye goes to first: edges, strong colours and, above all, skin."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from safelight.imaging.work import Tiny

FULL = 255

EDGE_WORTH, COLOR_WORTH, SKIN_WORTH = 4.0, 0.3, 1.0
"""What an edge from black to white, a pure colour and skin are worth."""

SKIN = (0.76, 0.53, 0.38)
"""Where the colours of human skin lie, light and dark alike, when brightness is taken out of them (length 1)."""

SKIN_RADIUS = 0.15
"""How far from there a colour is skin no more."""

DARK = 40
"""Brightness, of 255, under which the eye tells no colours."""


@dataclass(frozen=True, slots=True)
class Interest:
    """How much there is to see in each column and each row of the tiny image."""

    columns: Sequence[float]
    rows: Sequence[float]


def interest_of(tiny: Tiny) -> Interest:
    """Return the interest of an image."""
    width, height = tiny.size
    edges = _edges(tiny)
    colors = zip(tiny.red, tiny.green, tiny.blue, strict=True)
    worth = [
        (EDGE_WORTH * edge + _color_worth(*color)) * alpha
        for edge, color, alpha in zip(edges, colors, tiny.alpha, strict=True)
    ]
    rows = [sum(worth[start : start + width]) for start in range(0, width * height, width)]
    columns = [sum(worth[start::width]) for start in range(width)]
    return Interest(columns, rows)


def _edges(tiny: Tiny) -> list[float]:
    """Return how far each pixel's lightness is from that of its four neighbours; beyond the border is like on it."""
    width, height = tiny.size
    light = [r + g + b for r, g, b in zip(tiny.red, tiny.green, tiny.blue, strict=True)]
    rows = [light[start : start + width] for start in range(0, width * height, width)]
    above, below = [rows[0], *rows[:-1]], [*rows[1:], rows[-1]]
    return [
        abs(4 * here - up - down - left - right) / (4 * 3 * FULL)
        for row, row_above, row_below in zip(rows, above, below, strict=True)
        for here, up, down, left, right in zip(
            row, row_above, row_below, [row[0], *row[:-1]], [*row[1:], row[-1]], strict=True
        )
    ]


def _color_worth(red: int, green: int, blue: int) -> float:
    brightest = max(red, green, blue)
    if brightest < DARK:
        return 0.0
    saturation = (brightest - min(red, green, blue)) / brightest
    length = math.hypot(red, green, blue)
    from_skin = math.dist(SKIN, (red / length, green / length, blue / length))
    worth = COLOR_WORTH * saturation + SKIN_WORTH * max(0.0, 1 - from_skin / SKIN_RADIUS)
    return worth * brightest / FULL
