"""What the header of a file claims, read without any image library.

The worker, which must import none, holds a finished rendition against it; the sandbox looks here before a library sees
the file. Only the four formats that are written; anything else, and anything unusual, gives None.
"""

from safelight.domain.formats import OutputFormat
from safelight.domain.geometry import Size

Measured = tuple[OutputFormat, Size]

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
START_OF_FRAME = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
"""JPEG markers that begin a frame (ITU T.81, table B.1): 0xC0 to 0xCF without DHT, JPG and DAC."""
MAX_JPEG_SEGMENTS = 1000
"""No camera writes as many before the frame; a file of nothing else would keep its reader busy."""
WEBP_LOSSY_START = b"\x9d\x01\x2a"
WEBP_LOSSLESS_SIGNATURE = 0x2F
AVIF_BRANDS = frozenset({b"avif", b"avis"})
MAX_AVIF_HEADER_BYTES = 4096


def measure(content: bytes) -> Measured | None:
    """Return the format and the size that a file claims, or None."""
    try:
        return _measure(content)
    except IndexError:
        return None


def _measure(content: bytes) -> Measured | None:
    size: Size | None = None
    if content.startswith(b"\xff\xd8"):
        fmt, size = OutputFormat.JPEG, _jpeg(content)
    elif content.startswith(PNG):
        fmt, size = OutputFormat.PNG, Size(_big(content, 16, 4), _big(content, 20, 4))
    elif content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        fmt, size = OutputFormat.WEBP, _webp(content)
    elif content[4:8] == b"ftyp" and content[8:12] in AVIF_BRANDS:
        fmt, size = OutputFormat.AVIF, _avif(content)
    return None if size is None else (fmt, size)


def _jpeg(content: bytes) -> Size | None:
    """Walk the segments up to the frame header."""
    at = 2
    for _ in range(MAX_JPEG_SEGMENTS):
        if content[at] != 0xFF:  # noqa: PLR2004 - what every marker begins with
            break
        if content[at + 1] in START_OF_FRAME:
            return Size(_big(content, at + 7, 2), _big(content, at + 5, 2))
        at += 2 + _big(content, at + 2, 2)
    return None


def _webp(content: bytes) -> Size | None:
    """Read the first chunk: plain lossy, plain lossless, or extended."""
    match content[12:16]:
        case b"VP8 " if content[23:26] == WEBP_LOSSY_START:
            return Size(_little(content, 26, 2) & 0x3FFF, _little(content, 28, 2) & 0x3FFF)
        case b"VP8L" if content[20] == WEBP_LOSSLESS_SIGNATURE:
            packed = _little(content, 21, 4)
            return Size((packed & 0x3FFF) + 1, (packed >> 14 & 0x3FFF) + 1)
        case b"VP8X":
            return Size(_little(content, 24, 3) + 1, _little(content, 27, 3) + 1)
        case _:
            return None


def _avif(content: bytes) -> Size | None:
    """Read the first image size property; an alpha plane has one of its own, after it and equal."""
    at = content.find(b"ispe", 0, MAX_AVIF_HEADER_BYTES)
    return None if at < 0 else Size(_big(content, at + 8, 4), _big(content, at + 12, 4))


def _big(content: bytes, at: int, length: int) -> int:
    return int.from_bytes(_slice(content, at, length), "big")


def _little(content: bytes, at: int, length: int) -> int:
    return int.from_bytes(_slice(content, at, length), "little")


def _slice(content: bytes, at: int, length: int) -> bytes:
    """Return exactly so many bytes. Raises IndexError where the file ends before."""
    piece = content[at : at + length]
    if len(piece) != length:
        raise IndexError(at)
    return piece
