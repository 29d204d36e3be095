"""Counts calls, in the memory of this process."""

from dataclasses import dataclass
from typing import Protocol

WINDOW_SECONDS = 60
"""Every rate is one of a minute."""


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `allowed` in a minute; `policy` names it in headers and errors."""

    policy: str
    allowed: int


@dataclass(frozen=True, slots=True)
class Remaining:
    """What is left of a rate: `reset` is in how many seconds, rounded up, there is more."""

    rate: Rate
    calls: int
    reset: int


class RateLimiter(Protocol):
    """Limits how often something may happen in a minute, each `key` by itself."""

    def hit(self, rate: Rate, key: str) -> Remaining:
        """Count one call and say what is left. Raises TooManyRequests where it is one too many; that is not counted."""
        ...

    def see(self, rate: Rate, key: str) -> None:
        """Raise TooManyRequests where nothing is left. Counts nothing."""
        ...
