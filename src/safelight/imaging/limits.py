"""What is too much: judged by the header, before any pixel is touched."""

from safelight.domain import geometry
from safelight.domain.errors import ImageRejected, Reason
from safelight.domain.measure import measure
from safelight.imaging.work import Header, Work

MAX_BANDS = 5
"""CMYK and alpha."""

MAX_BYTES_PER_PIXEL = 16
"""Four bands of 32 bits: more is nothing that a camera or a program for pictures writes."""


def check_claim(work: Work) -> None:
    """Refuse what claims too many pixels before any library sees it: libwebp takes memory for all of them at once."""
    measured = measure(work.content)
    if measured is not None:
        _, (width, height) = measured
        _check_pixels(work, width, height)


def check_limits(work: Work) -> None:
    """Refuse what is too much, else tell what the header says. Raises ImageRejected.

    Of an animation the first frame alone is decoded, so that it alone counts against `max_pixels`.
    """
    width, height = work.upright
    _check_pixels(work, width, height)
    if work.opened.frames > work.recipe.max_frames:
        raise ImageRejected(Reason.TOO_MANY_FRAMES)
    if work.opened.bands > MAX_BANDS or work.opened.bytes_per_pixel > MAX_BYTES_PER_PIXEL:
        raise ImageRejected(Reason.UNPROCESSABLE)
    work.tell(Header(work.format, work.upright, work.opened.frames))


def _check_pixels(work: Work, width: int, height: int) -> None:
    if width * height > work.recipe.max_pixels:
        raise ImageRejected(Reason.TOO_MANY_PIXELS)


def plan(work: Work) -> None:
    """Note which renditions are to be made."""
    work.planned = tuple(geometry.plan(work.recipe.variants, work.upright))
