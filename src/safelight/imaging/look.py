"""What a page can show before the image has loaded: its dominant colour, and a ThumbHash."""

import base64
from collections import Counter

from safelight.domain.image import Look
from safelight.imaging import thumbhash
from safelight.imaging.work import Tiny, Work

SHADE_BITS = 4
"""Colours count as one when the upper four bits of each band are the same."""

SEEN = 128
"""Alpha from which a pixel counts as seen."""

UNSEEN = "#ffffff"
"""The colour of an image that is transparent all over."""


def take_look(work: Work) -> None:
    """Reckon the look, and tell it."""
    placeholder = base64.b64encode(thumbhash.encode(work.tiny)).decode()
    work.tell(Look(placeholder, dominant_color(work.tiny)))


def dominant_color(tiny: Tiny) -> str:
    """Return the mean, as #rrggbb, of the commonest shade among the pixels that are seen."""
    colors = zip(tiny.red, tiny.green, tiny.blue, strict=True)
    seen = [color for color, alpha in zip(colors, tiny.alpha, strict=True) if alpha >= SEEN]
    if not seen:
        return UNSEEN
    low = 8 - SHADE_BITS
    shades = [(r >> low, g >> low, b >> low) for r, g, b in seen]
    counts = Counter(shades)
    commonest = max(counts, key=counts.__getitem__)
    of_shade = [color for color, shade in zip(seen, shades, strict=True) if shade == commonest]
    return "#" + "".join(f"{sum(band) // len(of_shade):02x}" for band in zip(*of_shade, strict=True))
