"""One loader for each format: reads the header, and decodes when told to."""

from collections.abc import Callable
from typing import Any

import pyvips

from safelight.domain.formats import InputFormat
from safelight.domain.geometry import Size
from safelight.imaging import heic
from safelight.imaging.work import Image, Opened, Work

STRICT: dict[str, Any] = {"access": "sequential", "fail_on": "error"}
"""Read once, downwards. `truncated` is not enough: with it, half of an uncompressed TIFF passes for a whole one."""

SHRINKS = (8, 4, 2)
"""What a JPEG can be divided by while it is decoded: libjpeg's scaled DCT."""

SPARE = 2
"""A decoder's own shrinking is rough: leave at least this factor to the real resizing."""

SIDEWAYS = range(5, 9)
"""EXIF orientations that swap width and height."""

BYTES = {"uchar": 1, "char": 1, "ushort": 2, "short": 2, "uint": 4, "int": 4, "float": 4, "complex": 8}
BYTES_OF_OTHERS = 16


def read_header(work: Work) -> None:
    """Open the file with the one loader of its format, and read no more than the header."""
    work.opened = OPENERS[work.format](work.content)
    stored = work.opened.size
    work.upright = Size(*reversed(stored)) if work.opened.turn in SIDEWAYS else stored


def _jpeg(content: bytes) -> Opened:
    header = pyvips.Image.jpegload_buffer(content, **STRICT)

    def decode(scale: float) -> Image:
        shrink = next((shrink for shrink in SHRINKS if scale * SPARE * shrink <= 1), 1)
        return header if shrink == 1 else pyvips.Image.jpegload_buffer(content, shrink=shrink, **STRICT)

    return _opened(header, decode)


def _webp(content: bytes) -> Opened:
    header = pyvips.Image.webpload_buffer(content, **STRICT)

    def decode(scale: float) -> Image:
        roughly = scale * SPARE
        return header if roughly >= 1 else pyvips.Image.webpload_buffer(content, scale=roughly, **STRICT)

    return _opened(header, decode)


def _plain(loader: str) -> Callable[[bytes], Opened]:
    """Return an opener for a format that cannot be shrunk while it is decoded."""

    def opener(content: bytes) -> Opened:
        header = getattr(pyvips.Image, loader)(content, **STRICT)
        return _opened(header, lambda _scale: header)

    return opener


def _opened(header: Image, decode: Callable[[float], Image]) -> Opened:
    fields = header.get_fields()
    return Opened(
        size=Size(header.width, header.height),
        turn=header.get("orientation") if "orientation" in fields else 1,
        frames=header.get("n-pages") if "n-pages" in fields else 1,
        bands=header.bands,
        bytes_per_pixel=header.bands * BYTES.get(header.format, BYTES_OF_OTHERS),
        decode=decode,
    )


OPENERS: dict[InputFormat, Callable[[bytes], Opened]] = {
    InputFormat.JPEG: _jpeg,
    InputFormat.PNG: _plain("pngload_buffer"),
    InputFormat.WEBP: _webp,
    InputFormat.GIF: _plain("gifload_buffer"),
    InputFormat.AVIF: _plain("heifload_buffer"),
    InputFormat.TIFF: _plain("tiffload_buffer"),
    InputFormat.HEIC: heic.open_heic,
}
