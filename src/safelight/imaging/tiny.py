"""The whole image in a few hundred pixels: enough to tell its colours, and where the eye goes to first."""

import PIL.Image

from safelight.domain.geometry import Size
from safelight.imaging.picture import picture_of
from safelight.imaging.work import Tiny, Work

EDGE_PX = 32
"""More than twice what the finest wave of a ThumbHash (7 to an edge) can tell apart."""

OPAQUE = b"\xff"


def take_tiny(work: Work) -> None:
    """Shrink the smallest size there is."""
    smallest = picture_of(min(work.scaled.values(), key=lambda image: image.width * image.height))
    scale = min(1.0, EDGE_PX / max(smallest.size))
    size = Size(*(max(1, round(edge * scale)) for edge in smallest.size))
    bands = [band.tobytes() for band in smallest.resize(size, PIL.Image.Resampling.BOX).split()]
    red, green, blue, alpha = (*bands, OPAQUE * (size.width * size.height))[:4]
    work.tiny = Tiny(size, red, green, blue, alpha)
