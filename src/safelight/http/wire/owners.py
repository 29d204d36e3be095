"""Owners, and what they use."""

from datetime import datetime

from msgspec import Struct

from safelight.domain.owner import Owner, OwnerLimits


class OwnerLimitsOut(Struct, frozen=True):
    """What one owner may use."""

    requests_per_minute: int
    open_uploads: int
    images: int
    bytes: int


class OwnerOut(Struct, frozen=True):
    """What an owner uses of what it may; `bytes` counts files as they were sent."""

    id: str
    images: int
    bytes: int
    open_uploads: int
    limits: OwnerLimitsOut
    blocked_at: datetime | None

    @classmethod
    def of(cls, owner: Owner, limits: OwnerLimits) -> "OwnerOut":
        """Return the wire's words for an owner."""
        may = OwnerLimitsOut(limits.requests_per_minute, limits.open_uploads, limits.images, limits.bytes)
        used = owner.used
        return cls(owner.id, used.images, used.bytes, used.open_uploads, may, owner.blocked_at)


class ErasedOut(Struct, frozen=True):
    """What was deleted of an owner; `audit_events` tell of it still, and stay until their retention ends."""

    owner: str
    images: int
    bytes: int
    renditions: int
    answers: int
    audit_events: int
