"""The formats that come in and go out, and what they are called."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import TypeVar

from safelight.domain.errors import KindInvalid


class InputFormat(StrEnum):
    """Formats that are taken in. HEIC needs the extra `heic`."""

    JPEG = "jpeg"
    PNG = "png"
    WEBP = "webp"
    GIF = "gif"
    AVIF = "avif"
    TIFF = "tiff"
    HEIC = "heic"


class OutputFormat(StrEnum):
    """Formats that renditions are written in."""

    AVIF = "avif"
    WEBP = "webp"
    JPEG = "jpeg"
    PNG = "png"


CONTENT_TYPES: Mapping[str, str] = {fmt.value: f"image/{fmt.value}" for fmt in InputFormat}
"""Media types by the name of the format, as registered with IANA."""

EXTENSIONS: Mapping[OutputFormat, str] = {
    OutputFormat.AVIF: "avif",
    OutputFormat.WEBP: "webp",
    OutputFormat.JPEG: "jpg",
    OutputFormat.PNG: "png",
}

DECLARED: Mapping[str, InputFormat] = {
    **{f"image/{fmt.value}": fmt for fmt in InputFormat},
    "image/jpg": InputFormat.JPEG,
    "image/pjpeg": InputFormat.JPEG,
    "image/x-png": InputFormat.PNG,
    "image/tif": InputFormat.TIFF,
    "image/heif": InputFormat.HEIC,
    "image/heic-sequence": InputFormat.HEIC,
    "image/heif-sequence": InputFormat.HEIC,
}
"""What clients call the formats: registered names and common mistakes."""

UNTYPED = frozenset({"", "application/octet-stream"})
"""Declared types that say nothing. Phones send HEIC so; the bytes decide."""

Words = Iterable[str] | str
"""Several words: a list of them, or one string with spaces between."""

Format = TypeVar("Format", InputFormat, OutputFormat)


def media_type(content_type: str) -> str:
    """Return the type alone, in lower case: without parameters such as a charset, which images have none of."""
    return content_type.partition(";")[0].strip().lower()


def parse_formats(known: type[Format], words: Words) -> tuple[Format, ...]:
    """Return the formats that `words` name, each once, in the order given. Raises KindInvalid."""
    names = words.split() if isinstance(words, str) else list(words)
    unknown = [name for name in names if name not in set(known)]
    if unknown or not names:
        raise KindInvalid(f"formats {names} must be one or more of: {' '.join(known)}")
    return tuple(dict.fromkeys(known(name) for name in names))
