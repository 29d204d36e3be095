"""The one decode, at the largest size that is needed, and every other size from the next larger one."""

from safelight.domain.geometry import Planned, Size
from safelight.domain.variant import Fit
from safelight.imaging.work import Image, Work

LOOK_EDGE_PX = 100
"""A look needs no more; it is what is decoded where no rendition is wanted."""


def decode(work: Work) -> None:
    """Set the image to be decoded and shrunk to the largest size that is needed. Nothing runs until `settle`."""
    upright, stored = work.upright, work.opened.size
    largest = max(_needed(work), key=_area)
    scale = max(largest.width / upright.width, largest.height / upright.height)
    target = largest if upright == stored else Size(*reversed(largest))
    work.image = shrink(work.opened.decode(min(1.0, scale)), target)


def cascade(work: Work) -> None:
    """Make the whole image in every size that is needed: larger ones first, each from the one before."""
    work.scaled = {}
    image = work.image
    for size in sorted(_needed(work), key=_area, reverse=True):
        image = shrink(image, size).copy_memory()
        work.scaled[size] = image


def shrink(image: Image, size: Size) -> Image:
    """Return the image in exactly that size. Transparent pixels lend their colour to no other."""
    if (image.width, image.height) == size:
        return image
    if image.hasalpha():
        return _resize(image.premultiply(), size).unpremultiply().rint().cast(image.format)
    return _resize(image, size)


def whole(planned: Planned, fit: Fit, source: Size) -> Size:
    """Return the size of the whole image that a rendition is made from: its own, or one that covers its box."""
    if fit is Fit.FIT:
        return planned.size
    box = planned.size
    scale = max(box.width / source.width, box.height / source.height)
    return Size(max(box.width, round(source.width * scale)), max(box.height, round(source.height * scale)))


def _needed(work: Work) -> set[Size]:
    variants = work.recipe.variants
    sizes = {whole(planned, variants[planned.variant].fit, work.upright) for planned in work.planned}
    return sizes or {_for_look(work.upright)}


def _for_look(source: Size) -> Size:
    scale = min(1.0, LOOK_EDGE_PX / max(source))
    return Size(max(1, round(source.width * scale)), max(1, round(source.height * scale)))


def _resize(image: Image, size: Size) -> Image:
    return image.resize(size.width / image.width, vscale=size.height / image.height)


def _area(size: Size) -> int:
    return size.width * size.height
