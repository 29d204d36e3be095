"""One image on its way through the pipeline: what is known of it so far, and whom to tell."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from safelight.domain.formats import InputFormat
from safelight.domain.geometry import Planned, Size
from safelight.domain.image import Look
from safelight.ports.renderer import Recipe, Rendered

Image = Any
"""A pyvips.Image: pyvips has no types."""


@dataclass(frozen=True, slots=True)
class Header:
    """What the header says: `size` is that of the upright image, `frames` are those of an animation, or pages."""

    format: InputFormat
    size: Size
    frames: int


@dataclass(frozen=True, slots=True)
class Opened:
    """A file of which no more than the header was read. `size` is as stored; `turn` is its EXIF orientation, 1 to 8.

    `decode` gives the pixels of the first frame, as the file has them, at the least scale not under the one asked for
    that the decoder has. They are computed when they are used.
    """

    size: Size
    turn: int
    frames: int
    bands: int
    bytes_per_pixel: int
    decode: Callable[[float], Image]


@dataclass(frozen=True, slots=True)
class Tiny:
    """The whole image very small: its bands, a byte for each pixel, row by row."""

    size: Size
    red: bytes
    green: bytes
    blue: bytes
    alpha: bytes


Part = Header | Look | Rendered
Tell = Callable[[Part], None]


@dataclass(slots=True)
class Work:
    """What the steps of the pipeline hand to each other, in the order in which they find it."""

    content: bytes
    recipe: Recipe
    tell: Tell
    format: InputFormat = field(init=False)
    opened: Opened = field(init=False)
    upright: Size = field(init=False)
    planned: tuple[Planned, ...] = field(init=False)
    image: Image = field(init=False)
    """The pixels: upright, sRGB, 8 bits, three bands or four; at the largest size that is needed."""
    scaled: dict[Size, Image] = field(init=False)
    """The whole image in every size that is needed."""
    tiny: Tiny = field(init=False)
    cut: dict[tuple[str, Size], Image] = field(init=False)
    """The pixels of every rendition, by variant and size."""


Step = Callable[[Work], None]
