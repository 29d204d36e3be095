"""What a page can show before the image has loaded: its dominant colour, and a ThumbHash."""

import base64
from collections import Counter
from collections.abc import Sequence

from safelight.domain.geometry import Size
from safelight.domain.image import Look
from safelight.imaging import thumbhash
from safelight.imaging.color import WITH_ALPHA
from safelight.imaging.resize import shrink
from safelight.imaging.work import Work

EDGE_PX = 32
"""More than twice what the finest wave of a ThumbHash (7 to an edge) can tell apart."""

SHADES_BITS = 4
"""Colours count as one when the upper four bits of each band are the same."""

SEEN = 128
"""Alpha from which a pixel counts as seen."""

UNSEEN = "#ffffff"
"""The colour of an image that is transparent all over."""

Pixel = tuple[int, int, int, int]


def take_look(work: Work) -> None:
    """Reckon the look from the smallest size there is, and tell it."""
    smallest = min(work.scaled.values(), key=lambda image: image.width * image.height)
    scale = min(1.0, EDGE_PX / max(smallest.width, smallest.height))
    size = Size(max(1, round(smallest.width * scale)), max(1, round(smallest.height * scale)))
    tiny = shrink(smallest, size)
    opaque = tiny if tiny.bands == WITH_ALPHA else tiny.bandjoin(255)
    raw = bytes(opaque.write_to_memory())
    pixels = list(zip(raw[0::4], raw[1::4], raw[2::4], raw[3::4], strict=True))
    work.tell(Look(base64.b64encode(thumbhash.encode(size, pixels)).decode(), dominant(pixels)))


def dominant(pixels: Sequence[Pixel]) -> str:
    """Return the mean, as #rrggbb, of the commonest shade among the pixels that are seen."""
    seen = [pixel[:3] for pixel in pixels if pixel[3] >= SEEN]
    if not seen:
        return UNSEEN
    counts = Counter(map(_shade, seen))
    commonest = max(counts, key=counts.__getitem__)
    of_shade = [color for color in seen if _shade(color) == commonest]
    return "#" + "".join(f"{sum(band) // len(of_shade):02x}" for band in zip(*of_shade, strict=True))


def _shade(color: tuple[int, int, int]) -> tuple[int, ...]:
    return tuple(band >> (8 - SHADES_BITS) for band in color)
