"""HEIC, by pillow-heif: libvips reads its headers and cannot decode HEVC. An extra: `safelight[heic]`."""

import importlib.util
from typing import Any

import pyvips

from safelight.domain.errors import ImageRejected, Reason
from safelight.domain.geometry import Size
from safelight.imaging.color import COLORS
from safelight.imaging.work import Image, Opened

INSTALLED = importlib.util.find_spec("pillow_heif") is not None

UPRIGHT = 1
"""libheif turns the image as its own boxes say. The EXIF orientation beside them must not turn it again."""


def prepare() -> None:
    """Load pillow-heif where it is installed, and switch off what is not used of it."""
    if not INSTALLED:
        return
    import pillow_heif  # noqa: PLC0415 - an extra, which may not be there

    pillow_heif.options.DECODE_THREADS = 1
    pillow_heif.options.THUMBNAILS = False
    pillow_heif.options.DEPTH_IMAGES = False
    pillow_heif.options.AUX_IMAGES = False


def open_heic(content: bytes) -> Opened:
    """Read the header. Raises ImageRejected (type_not_accepted) where pillow-heif is not installed, and ValueError."""
    if not INSTALLED:
        raise ImageRejected(Reason.TYPE_NOT_ACCEPTED)
    import pillow_heif  # noqa: PLC0415 - an extra, which may not be there

    opened = pillow_heif.open_heif(content)
    bands = len(opened.mode.partition(";")[0])
    return Opened(
        size=Size(*opened.size),
        turn=UPRIGHT,
        frames=len(opened),
        bands=bands,
        bytes_per_pixel=bands,
        decode=lambda _scale: _pixels(opened, bands),
    )


def _pixels(opened: Any, bands: int) -> Image:
    """Decode into a libvips image, with the ICC profile where there is one."""
    image = pyvips.Image.new_from_memory(opened.data, *opened.size, bands, "uchar")
    image = image.copy(interpretation="srgb" if bands >= COLORS else "b-w")
    if opened.premultiplied_alpha:
        image = image.unpremultiply().rint().cast("uchar")
    profile = opened.info.get("icc_profile")
    if profile:
        image.set_type(pyvips.GValue.blob_type, "icc-profile-data", profile)
    return image
