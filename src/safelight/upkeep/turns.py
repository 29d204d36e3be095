"""What each sweep of a bucket looks at: to list everything each time would cost more, and take longer, than all else.

An image's id begins with the time, and so do the keys of its objects. They are divided into parts of some hours; each
sweep takes its turn of them, so that all have been looked at when the turns are through.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from safelight.domain import keys

DIGITS = 6
"""Of an id, in hexadecimal: what begins alike is one part, of the images of 4.7 hours."""

MILLISECONDS = 16 ** (12 - DIGITS)
"""Of one part: the first twelve digits of a UUIDv7 count milliseconds (RFC 9562, section 5.7)."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
PARTS = 16**DIGITS
FIRST = datetime(2026, 1, 1, tzinfo=UTC)
"""Before Safelight: ids that claim to be older, or to be of the future, are one turn's together."""

YOUNG = timedelta(hours=2)
"""What is younger is looked at in each sweep: there the most is left lying about."""

EVERYTHING = (keys.INCOMING, keys.PUBLIC, keys.PRIVATE)


def prefixes_of_turn(now: datetime, *, every: timedelta, whole: timedelta) -> Sequence[str]:
    """Return what the sweep at that moment is to list, where one comes `every` so often.

    Incoming and young objects always; of all others a part, so that within `whole` each is listed at least once. Which
    part comes when moves on with each whole: what a missed sweep would have looked at, is not missed again.
    """
    turns = whole // every
    if turns <= 1:
        return EVERYTHING
    sweep = (now - EPOCH) // every
    turn = (sweep + sweep // turns) % turns
    first, last = _part(FIRST), _part(now)
    young = range(_part(now - YOUNG), last + 1)
    of_turn = [part for part in range(first, last + 1) if part % turns == turn and part not in young]
    listed = [_prefix(part, DIGITS) for part in (*young, *of_turn)]
    if turn == 0:
        listed += [*_covering(0, first), *_covering(last + 1, PARTS)]
    return (keys.INCOMING, *(f"{area}{prefix}" for area in (keys.PUBLIC, keys.PRIVATE) for prefix in listed))


def _part(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(milliseconds=MILLISECONDS)


def _prefix(number: int, digits: int) -> str:
    return f"{number:0{digits}x}"


def _covering(first: int, end: int) -> Iterator[str]:
    """Yield the fewest prefixes that the parts from `first` to before `end` begin with, and no others."""
    while first < end:
        digits, size = DIGITS, 1
        while digits > 1 and first % (16 * size) == 0 and first + 16 * size <= end:
            digits, size = digits - 1, 16 * size
        yield _prefix(first // size, digits)
        first += size
