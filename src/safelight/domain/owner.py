"""What one owner uses, and how much it may."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from safelight.domain.errors import OwnerBlocked, QuotaExceeded, Refused, TooManyOpenUploads, TooManyRequests
from safelight.domain.image import HOLDING, State

WINDOW = timedelta(minutes=1)
"""The time over which an owner's requests are counted, by the clock: from one full minute to the next."""

CLOCKS_DIFFER = 5
"""So many minutes the clocks of hosts may differ. Requests counted in a later minute are of a clock that was wrong."""

REQUESTS_POLICY = "owner"
"""What the rate of an owner's requests is called in headers and errors."""


@dataclass(frozen=True, slots=True)
class OwnerLimits:
    """How much one owner may; each is a setting `owner_...`. `bytes` counts files as they were sent."""

    requests_per_minute: int
    open_uploads: int
    images: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Usage:
    """What is counted towards a quota."""

    images: int = 0
    bytes: int = 0
    open_uploads: int = 0


@dataclass(frozen=True, slots=True)
class Owner:
    """A user of the application, as far as quotas go. `requests` are those of `minute`, which counts from 1970."""

    id: str
    used: Usage = Usage()
    minute: int = 0
    requests: int = 0
    blocked_at: datetime | None = None


def minute_of(now: datetime) -> int:
    """Return the minute, counted from 1970, in which a moment is."""
    return int(now.timestamp()) // int(WINDOW.total_seconds())


def seconds_left(now: datetime) -> int:
    """Return how many seconds there are to the next full minute, at least 1."""
    window = int(WINDOW.total_seconds())
    return window - int(now.timestamp()) % window


def refusal(owner: Owner, limits: OwnerLimits, *, size: int, now: datetime) -> Refused:
    """Return why an owner, as it stands, may not request an upload of so many bytes."""
    used = owner.used
    if owner.blocked_at is not None:
        return OwnerBlocked()
    minute = minute_of(now)
    if minute <= owner.minute <= minute + CLOCKS_DIFFER and owner.requests >= limits.requests_per_minute:
        window = int(WINDOW.total_seconds())
        return TooManyRequests(REQUESTS_POLICY, limits.requests_per_minute, window, seconds_left(now))
    if used.open_uploads >= limits.open_uploads:
        return TooManyOpenUploads(used.open_uploads, limits.open_uploads)
    if used.images >= limits.images:
        return QuotaExceeded("images", used.images, 1, limits.images)
    return QuotaExceeded("bytes", used.bytes, size, limits.bytes)


def released(was: State, now: State, *, size: int) -> Usage:
    """Return what an owner gets back when an image of so many bytes goes from one state to another."""
    closes = was is State.REQUESTED and now is not State.REQUESTED
    gives_back = was in HOLDING and now not in HOLDING
    return Usage(images=int(gives_back), bytes=size if gives_back else 0, open_uploads=int(closes))
