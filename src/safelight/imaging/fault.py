"""What a decoder's complaint means for the person who sent the file."""

import re

from safelight.domain.errors import Reason
from safelight.domain.formats import InputFormat
from safelight.imaging.work import Work

ENDS_EARLY = re.compile(
    r"premature end|unexpected end|bad seek|read error at|IO error during reading|data outside of file|too small",
    re.IGNORECASE,
)
"""What libjpeg, nsgif, libheif and libtiff say of a file whose end is missing."""

OUT_OF_MEMORY = re.compile(r"out of memory|unable to allocate|cannot allocate|malloc|memory allocation", re.IGNORECASE)


def reason_of(error: Exception, work: Work) -> Reason:
    """Return whether the end is missing, or memory was, or else the file is damaged."""
    words = str(error)
    if OUT_OF_MEMORY.search(words):
        return Reason.UNPROCESSABLE
    if ENDS_EARLY.search(words) or _stops_short(work.format, work.content):
        return Reason.TRUNCATED
    return Reason.DAMAGED


def _stops_short(fmt: InputFormat, content: bytes) -> bool:
    """Whether the parts of the file run past its end. For formats whose decoders do not say so."""
    match fmt:
        case InputFormat.PNG:
            return _png_stops_short(content)
        case InputFormat.WEBP:
            riff_header = 8
            return int.from_bytes(content[4:8], "little") + riff_header > len(content)
        case _:
            return False


def _png_stops_short(content: bytes) -> bool:
    at, length_type_crc = 8, 12
    while at + length_type_crc <= len(content):
        if content[at + 4 : at + 8] == b"IEND":
            return False
        at += int.from_bytes(content[at : at + 4], "big") + length_type_crc
    return True
