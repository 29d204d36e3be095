"""The header `Range` (RFC 9110, 14): at most one range of bytes is honoured."""

import re
from dataclasses import dataclass

from safelight.domain.errors import RangeNotSatisfiable

_ONE_RANGE = re.compile(r"bytes=\s*(\d*)-(\d*)\s*", re.ASCII | re.IGNORECASE)
_MAX_DIGITS = 19


@dataclass(frozen=True, slots=True)
class ByteRange:
    """The bytes from `first` to `last`, both included."""

    first: int
    last: int

    @property
    def length(self) -> int:
        """How many bytes these are."""
        return self.last - self.first + 1


def parse_range(value: str | None, size: int) -> ByteRange | None:
    """Return the range that is asked for, or None where the whole object is to be sent.

    That is also where the unit is unknown, the syntax wrong, or several ranges are asked for: a server may ignore the
    header, and sending many small ranges would cost more than it saves. Raises RangeNotSatisfiable.
    """
    match = _ONE_RANGE.fullmatch(value or "")
    if match is None or max(map(len, match.groups())) > _MAX_DIGITS or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if not first:
        return _suffix(int(last), size)
    if last and int(last) < int(first):
        return None
    if int(first) >= size:
        raise RangeNotSatisfiable(size=size)
    return ByteRange(int(first), min(int(last or size), size - 1))


def _suffix(length: int, size: int) -> ByteRange:
    if length == 0 or size == 0:
        raise RangeNotSatisfiable(size=size)
    return ByteRange(max(0, size - length), size - 1)
