"""Variants: named recipes for renditions. A recipe is data, travels to the sandbox, and hashes to a fingerprint."""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum

from safelight.domain.errors import KindInvalid
from safelight.domain.formats import OutputFormat, Words, parse_formats

RENDERING_VERSION = 1
"""Part of every fingerprint. Raise it when one recipe would come to visibly different pixels."""

MAX_EDGE_PX = 16_383
"""libwebp's WEBP_MAX_DIMENSION, the smallest edge limit among the formats that are written."""

DEFAULT_FORMATS = "webp jpeg"
"""WebP for the browsers of today, JPEG for mail and link previews. Add `avif` for the smallest files."""

DEFAULT_QUALITY: Mapping[OutputFormat, int] = {
    OutputFormat.AVIF: 60,
    OutputFormat.WEBP: 80,
    OutputFormat.JPEG: 80,
}
"""Measured to look alike (SSIMULACRA 2 within two points): docs/decisions/0003."""

WHITE = "#ffffff"


class Fit(StrEnum):
    """How a variant fills its box."""

    COVER = "cover"
    """Fills the box, cropped to its shape around what the eye goes to first."""
    FIT = "fit"
    """Keeps the whole image and its shape, at most so wide."""


@dataclass(frozen=True, slots=True)
class Variant:
    """A recipe. Make one with `cover` or `fit`; sizes are in pixels, `widths` ascending."""

    fit: Fit
    widths: tuple[int, ...]
    height: int | None
    formats: tuple[OutputFormat, ...]
    quality: Mapping[OutputFormat, int] = field(default_factory=dict)
    background: str = WHITE
    lazy: bool = False
    """Rendered when it is first asked for, not when the image is processed."""

    @property
    def fingerprint(self) -> str:
        """Sixteen hexadecimal digits that change whenever the recipe does. When it is rendered is not part of it."""
        how = {name: value for name, value in asdict(self).items() if name != "lazy"}
        recipe = json.dumps([RENDERING_VERSION, how], sort_keys=True)
        return hashlib.sha256(recipe.encode()).hexdigest()[:16]


def cover(
    width: int,
    height: int,
    *,
    formats: Words = DEFAULT_FORMATS,
    quality: Mapping[str, int] | None = None,
    background: str = WHITE,
    lazy: bool = False,
) -> Variant:
    """Fill a box, cropped around what the eye goes to first. Never enlarges.

    `width`: of the box, in pixels.
    `height`: of the box, in pixels.
    `formats`: words out of avif webp jpeg png.
    `quality`: 1 to 100 by format, such as {"webp": 70}, in place of the default of that format.
    `background`: what transparency becomes in JPEG, as #rrggbb.
    `lazy`: rendered when it is first asked for, which is for variants that few images are shown in.

    Raises KindInvalid.
    """
    return _variant(Fit.COVER, (width,), height, formats=formats, quality=quality, background=background, lazy=lazy)


def fit(
    width: int | None = None,
    *,
    widths: Iterable[int] = (),
    formats: Words = DEFAULT_FORMATS,
    quality: Mapping[str, int] | None = None,
    background: str = WHITE,
    lazy: bool = False,
) -> Variant:
    """Keep the whole image, at most so wide. Never enlarges.

    `width`: in pixels.
    `widths`: several, each rendered, for `srcset`.
    `formats`: words out of avif webp jpeg png.
    `quality`: 1 to 100 by format, such as {"webp": 70}, in place of the default of that format.
    `background`: what transparency becomes in JPEG, as #rrggbb.
    `lazy`: rendered when it is first asked for, which is for variants that few images are shown in.

    Raises KindInvalid.
    """
    wanted = (*widths, *(() if width is None else (width,)))
    return _variant(Fit.FIT, wanted, None, formats=formats, quality=quality, background=background, lazy=lazy)


def _variant(
    how: Fit,
    widths: Iterable[int],
    height: int | None,
    *,
    formats: Words,
    quality: Mapping[str, int] | None,
    background: str,
    lazy: bool,
) -> Variant:
    sizes = tuple(sorted(set(widths)))
    if not sizes:
        raise KindInvalid("fit() needs a width, or widths=[...]")
    for size in (*sizes, *(() if height is None else (height,))):
        if not 1 <= size <= MAX_EDGE_PX:
            raise KindInvalid(f"a size of {size} px is not between 1 and {MAX_EDGE_PX}")
    if not re.fullmatch(r"#[0-9a-f]{6}", background):
        raise KindInvalid(f"background {background!r} is not of the form #rrggbb, in lower case")
    written = parse_formats(OutputFormat, formats)
    return Variant(how, sizes, height, written, _quality(quality or {}), background, lazy)


def _quality(wanted: Mapping[str, int]) -> dict[OutputFormat, int]:
    parse_formats(OutputFormat, [*wanted, OutputFormat.WEBP])
    for name, value in wanted.items():
        if name == OutputFormat.PNG:
            raise KindInvalid("png is lossless and has no quality")
        if not 1 <= value <= 100:  # noqa: PLR2004 - the range that every encoder takes
            raise KindInvalid(f"quality {value} of {name} is not between 1 and 100")
    return {OutputFormat(name): value for name, value in wanted.items()}
