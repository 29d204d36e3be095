"""When to try again: waits that double, with jitter, so that what failed together does not come back together."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

EARLY = timedelta(seconds=1)
"""A job may come so much before its time: the queue goes by the clock of its database, and each host by its own."""

MAX_DOUBLINGS = 64
"""A microsecond doubled so often is half a million years: further doubling changes no wait, and would overflow."""


def is_due(at: datetime | None, *, now: datetime) -> bool:
    """Whether it is time for what was put off until then, as far as clocks agree; None where it was not put off."""
    return at is None or at <= now + EARLY


def next_attempt(attempts: int, *, now: datetime, base: timedelta, longest: timedelta, jitter: float) -> datetime:
    """Return when to try again after `attempts` tries (1 or more) that failed, the last of them `now`.

    The wait is `base` after the first try and doubles with each further one, up to `longest`. `jitter`, a random number
    from 0 to 1, chooses a point in the upper half of it ("equal jitter"): tries spread out, and none comes at once.
    """
    doublings = min(attempts - 1, MAX_DOUBLINGS)
    whole_s = min(math.ldexp(base.total_seconds(), doublings), longest.total_seconds())
    return now + timedelta(seconds=whole_s * (1 + jitter) / 2)


def as_long_again(since: datetime, *, now: datetime, base: timedelta, longest: timedelta, jitter: float) -> datetime:
    """Return when to look again for something that was waited for in vain `since` then, and is not counted.

    The wait is as long as it has been waited for already, but at least `base` and at most `longest`; `jitter` chooses
    a point in the upper half of it, as in `next_attempt`.
    """
    return now + min(max(now - since, base), longest) * (1 + jitter) / 2


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits that double from `base` to `longest`. `jitter` gives a random number from 0 to 1."""

    base: timedelta
    longest: timedelta
    jitter: Callable[[], float]

    def after(self, attempts: int, *, now: datetime) -> datetime:
        """Return when to try again after so many tries that failed, the last of them `now`."""
        return next_attempt(attempts, now=now, base=self.base, longest=self.longest, jitter=self.jitter())

    def as_long_again(self, since: datetime, *, now: datetime) -> datetime:
        """Return when to look again for something that was waited for in vain since then."""
        return as_long_again(since, now=now, base=self.base, longest=self.longest, jitter=self.jitter())
