"""Uploads in parts: which are asked for, where each goes, and which have come."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from safelight.domain.multipart import MOST_PARTS
from safelight.journey.see_parts import PartsSeen
from safelight.ports.multipart import SignedPart


class PartsIn(Struct, forbid_unknown_fields=True, frozen=True):
    """Which parts are about to be sent; a setting says how many may be at once."""

    numbers: Annotated[
        list[Annotated[int, Meta(ge=1, le=MOST_PARTS)]],
        Meta(min_length=1, max_length=1000, description="Numbers of parts, counted from 1"),
    ]


class PartOut(Struct, frozen=True):
    """Where one part goes, by PUT, with exactly so many bytes."""

    number: int
    bytes: int
    url: str

    @classmethod
    def of(cls, part: SignedPart) -> "PartOut":
        """Return the wire's words for a signed part."""
        return cls(part.number, part.bytes, part.url)


class PartsOut(Struct, frozen=True):
    """URLs of parts. Each may be used again until it ends, where sending broke off."""

    parts: Sequence[PartOut]
    expires_at: datetime


class PartsSeenOut(Struct, frozen=True):
    """How the file is divided, and the numbers of the parts that have come and that are missing."""

    part_bytes: int
    parts: int
    stored: Sequence[int]
    missing: Sequence[int]

    @classmethod
    def of(cls, seen: PartsSeen) -> "PartsSeenOut":
        """Return the wire's words for what was seen."""
        return cls(seen.division.part_bytes, seen.division.count, seen.stored, seen.missing)
