"""Counts calls in memory, in a window that moves with the clock."""

import time
from array import array
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable
from math import ceil

from safelight.domain.errors import TooManyRequests
from safelight.ports.rate_limiter import WINDOW_SECONDS, Rate, Remaining

MAX_KEYS = 100_000
"""Some 30 MB where each of them called once or twice, and 50 MB under a flood of new ones."""

FORGOTTEN_AT_ONCE = 8
"""Silent keys that one call clears away: more than it adds, and few enough that it does not feel them."""

Slot = str
"""A policy and a key, as one."""


class MemoryRates:
    """Implements RateLimiter by the time of every call of the last minute, so that it is exact.

    It never waits, and needs neither a thread nor a timer: each call clears away a few keys that have been silent for a
    minute. Two things bound the memory. There are at most `max_keys` keys; then the one that has been silent for
    longest makes room, and begins anew. And a call is kept for a minute, in 8 bytes, only if it was let through.
    """

    def __init__(
        self,
        *,
        refused: Callable[[str], None],
        max_keys: int = MAX_KEYS,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """Tell `refused` the policy of each refusal; `now` is in seconds, from whatever beginning."""
        self._refused = refused
        self._max_keys = max_keys
        self._now = now
        self._times: OrderedDict[Slot, array[float]] = OrderedDict()  # by the last call of each, the oldest first

    def __len__(self) -> int:
        return len(self._times)

    def hit(self, rate: Rate, key: str) -> Remaining:
        """Count one call."""
        now, slot = self._now(), _slot(rate, key)
        self._forget_the_silent(now)
        times = self._recent(slot, now)
        self._see(rate, times, now)
        times.append(now)
        self._times[slot] = times
        self._times.move_to_end(slot)
        if len(self._times) > self._max_keys:
            self._times.popitem(last=False)
        return Remaining(rate, rate.allowed - len(times), _seconds_until_more(times, now))

    def see(self, rate: Rate, key: str) -> None:
        """Raise TooManyRequests where nothing is left."""
        now = self._now()
        self._see(rate, self._recent(_slot(rate, key), now), now)

    def _see(self, rate: Rate, times: "array[float]", now: float) -> None:
        if len(times) >= rate.allowed:
            self._refused(rate.policy)
            raise TooManyRequests(rate.policy, rate.allowed, WINDOW_SECONDS, _seconds_until_more(times, now))

    def _recent(self, slot: Slot, now: float) -> "array[float]":
        """Return the calls of the last minute, having dropped those before it."""
        times = self._times.get(slot)
        if times is None:
            return array("d")
        del times[: bisect_right(times, now - WINDOW_SECONDS)]
        return times

    def _forget_the_silent(self, now: float) -> None:
        for _ in range(min(FORGOTTEN_AT_ONCE, len(self._times))):
            slot, times = next(iter(self._times.items()))
            if times and times[-1] > now - WINDOW_SECONDS:
                return
            del self._times[slot]


def _slot(rate: Rate, key: str) -> Slot:
    return f"{rate.policy} {key}"


def _seconds_until_more(times: "array[float]", now: float) -> int:
    """Return when the oldest call leaves the window."""
    return ceil(times[0] + WINDOW_SECONDS - now)
