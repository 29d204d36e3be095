"""Time and ids, passed in so that tests need no patching."""

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """The time of day."""

    def now(self) -> datetime:
        """Return the present, in UTC, with its time zone."""
        ...


class Ids(Protocol):
    """Makes ids."""

    def new(self) -> str:
        """Return a UUIDv7 (RFC 9562) in 32 hexadecimal digits: unique, and later ones sort after earlier ones."""
        ...
