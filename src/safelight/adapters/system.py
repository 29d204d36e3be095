"""The machine's clock, and ids made from it."""

import secrets
import threading
import time
from datetime import UTC, datetime

RANDOM_BITS = 74
"""What a UUIDv7 holds after 48 bits of milliseconds, besides version and variant (RFC 9562, section 5.7)."""

VERSION_AND_VARIANT = (7 << 76) | (0b10 << 62)
LOW_BITS = 62
LARGEST_STEP = 1 << 32
"""Ids of one millisecond grow by chance, at most so much: nobody can count from one to the next."""


class SystemClock:
    """ports.clock.Clock by the machine's clock."""

    def now(self) -> datetime:
        """Return the present, in UTC, with its time zone."""
        return datetime.now(UTC)


class SystemIds:
    """ports.clock.Ids: UUIDv7 that grow within this process, whatever its clock does. May be used by many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = 0

    def new(self) -> str:
        """Return a UUIDv7 in 32 hexadecimal digits, above all that were returned before."""
        fresh = (time.time_ns() // 1_000_000 << RANDOM_BITS) | secrets.randbits(RANDOM_BITS)
        step = 1 + secrets.randbelow(LARGEST_STEP)
        with self._lock:
            # In the same millisecond, or after the clock went back, the last id is the counter (RFC 9562, section 6.2,
            # method 2). A counter that runs over goes on into the next millisecond.
            self._last = max(fresh, self._last + step)
            count = self._last
        return f"{_uuid7(count):032x}"


def _uuid7(count: int) -> int:
    """Spread 48 + 74 bits around the bits of version and variant."""
    timestamp, rest = count >> RANDOM_BITS, count & ((1 << RANDOM_BITS) - 1)
    high, low = rest >> LOW_BITS, rest & ((1 << LOW_BITS) - 1)
    return (timestamp << 80) | VERSION_AND_VARIANT | (high << 64) | low
