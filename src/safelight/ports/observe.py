"""What adapters are given to tell how long something took."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Observe = Callable[[str, float], None]
"""Hears what took how many seconds. Never fails, never waits."""


def ignore(_what: str, _seconds: float) -> None:
    """Observe nothing."""


@contextmanager
def timed(what: str, observe: Observe) -> Iterator[None]:
    """Let `observe` hear how many seconds the block took, however it ends."""
    began = time.perf_counter()
    try:
        yield
    finally:
        observe(what, time.perf_counter() - began)
