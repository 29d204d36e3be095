"""Cropping to the shape of a box, around what the eye goes to first.

A whole image fills its box exactly along one edge, so there is one thing to choose: how far along the other edge the
box lies.
"""

from collections.abc import Sequence
from itertools import accumulate

from safelight.domain.geometry import Size
from safelight.imaging.interest import Interest, interest_of
from safelight.imaging.resize import whole
from safelight.imaging.work import Image, Work

PLACES = 32
"""How many places along the edge are looked at: about the resolution of the tiny image."""

BORDER_PRICE = 0.1
"""By how much more a box at the border must show than one in the middle."""


def cut_to_shape(work: Work) -> None:
    """Cut the whole images to the shapes of the renditions: once for all formats of a size."""
    work.cut = {}
    interest = interest_of(work.tiny)
    for planned in work.planned:
        if (planned.variant, planned.size) not in work.cut:
            fit = work.recipe.variants[planned.variant].fit
            image = work.scaled[whole(planned, fit, work.upright)]
            work.cut[planned.variant, planned.size] = crop(image, planned.size, interest)


def crop(image: Image, size: Size, interest: Interest) -> Image:
    """Return the part of the image of that size that shows most of what is of interest."""
    if (image.width, image.height) == size:
        return image
    left = offset(interest.columns, image.width, size.width)
    top = offset(interest.rows, image.height, size.height)
    return image.crop(left, top, size.width, size.height)


def offset(interest: Sequence[float], edge: int, window: int) -> int:
    """Return where on an edge of so many pixels a window has to begin to show most; of equals, nearest the middle."""
    spare = edge - window
    sums = [0.0, *accumulate(interest)]

    def up_to(pixel: int) -> float:
        place, beyond = divmod(pixel * len(interest), edge)
        return sums[place] + (interest[place] * beyond / edge if beyond else 0.0)

    def worth(start: int) -> float:
        off_middle = abs(2 * start - spare) / spare
        return (up_to(start + window) - up_to(start)) * (1 - BORDER_PRICE * off_middle)

    places = {0, spare, spare // 2, *range(0, spare, max(1, spare // PLACES))}
    return max(sorted(places, key=lambda start: abs(2 * start - spare)), key=worth) if spare else 0
