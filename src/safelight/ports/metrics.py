"""What is measured: steps, bytes, latencies, and how much waits."""

from contextlib import AbstractContextManager
from typing import Protocol


class Run(Protocol):
    """One run of a step. Its `outcome`, in a word, is `ok` until the block says otherwise."""

    outcome: str


class Metrics(Protocol):
    """Takes measurements; never fails, never waits."""

    def step(self, step: str) -> AbstractContextManager[Run]:
        """Return a block that is one run of a step: its duration is noted, and its outcome or the error's code."""
        ...

    def latency(self, part: str, seconds: float) -> None:
        """Note how long a part (storage, database, sandbox or scanner, and what it did) took."""
        ...

    def moved(self, direction: str, count: int) -> None:
        """Note bytes that came `in` from clients or went `out` to them."""
        ...

    def refused(self, policy: str) -> None:
        """Note that a call was one too many for a rate limit."""
        ...

    def level(self, what: str, value: float) -> None:
        """Note how high something stands now: the queue's depth and age, busy slots, the loop's lag."""
        ...
