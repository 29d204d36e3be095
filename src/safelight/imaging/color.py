"""Every colour space becomes sRGB with 8 bits: three bands, and a fourth where anything is transparent."""

import re

import pyvips

from safelight.imaging.work import Image, Work

PROFILE = "icc-profile-data"

SRGB_PROFILE = re.compile(
    rb"desc\0{4}.{4}sRGB|mluc\0{4}.{20}(?:\0s\0R\0G\0B)",
    re.DOTALL,
)
"""How a profile (ICC.1, `desc` of version 2 or `mluc` of version 4) begins to describe itself as sRGB.

Converting from sRGB to sRGB would change nothing and cost as much as a resize.
"""

COLORS = 3
WITH_ALPHA = 4
OPAQUE = 255


def to_srgb(work: Work) -> None:
    """Convert the colours. An embedded profile counts, unless it is sRGB already or cannot be used."""
    image = work.image
    if PROFILE in image.get_fields() and not SRGB_PROFILE.search(image.get(PROFILE)):
        image = _by_profile(image)
    image = image.colourspace("srgb")
    work.image = image.extract_band(0, n=min(image.bands, WITH_ALPHA))


def drop_opaque_alpha(work: Work) -> None:
    """Drop an alpha band that makes nothing transparent: all that follows is faster and smaller without."""
    image = work.image
    if image.bands == WITH_ALPHA and image.extract_band(COLORS).min() == OPAQUE:
        work.image = image.extract_band(0, n=COLORS)


def _by_profile(image: Image) -> Image:
    """Convert by the embedded profile; without it where it is broken or of another colour space than the pixels."""
    try:
        return image.icc_transform("srgb", embedded=True, depth=8)
    except pyvips.Error:
        return image
