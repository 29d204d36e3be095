"""Which renditions an image of a given size gets, and how large each is. Worker and sandbox reckon alike."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from safelight.domain.formats import OutputFormat
from safelight.domain.variant import MAX_EDGE_PX, Fit, Variant


class Size(NamedTuple):
    """Width and height in pixels."""

    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Planned:
    """One rendition to be made."""

    variant: str
    format: OutputFormat
    size: Size


def sizes(variant: Variant, source: Size) -> tuple[Size, ...]:
    """Return the sizes that `variant` gives of an upright image of size `source`, ascending, without any enlarging."""
    if variant.fit is Fit.COVER:
        return (_cover(Size(variant.widths[0], variant.height or variant.widths[0]), source),)
    return tuple(dict.fromkeys(_fit(width, source) for width in variant.widths))


def plan(variants: Mapping[str, Variant], source: Size) -> Iterator[Planned]:
    """Yield every rendition of an upright image of size `source`: small variants first, so that they show first."""
    every = [
        (size, name, fmt)
        for name, variant in variants.items()
        for size in sizes(variant, source)
        for fmt in variant.formats
    ]
    for size, name, fmt in sorted(every, key=lambda one: one[0].width * one[0].height):
        yield Planned(name, fmt, size)


def most_renditions(variants: Mapping[str, Variant]) -> int:
    """Return how many renditions an image gets that is large enough for all of them."""
    return sum(len(variant.widths) * len(variant.formats) for variant in variants.values())


def _cover(box: Size, source: Size) -> Size:
    shrink = min(1.0, source.width / box.width, source.height / box.height)
    return Size(max(1, round(box.width * shrink)), max(1, round(box.height * shrink)))


def _fit(width: int, source: Size) -> Size:
    shrink = min(1.0, width / source.width, MAX_EDGE_PX / source.height)
    return Size(max(1, round(source.width * shrink)), max(1, round(source.height * shrink)))
