"""Quotas and blocks, within a transaction of the records."""

from collections.abc import Collection
from datetime import datetime
from typing import Protocol

from safelight.domain.image import ImageId
from safelight.domain.owner import Owner, OwnerLimits


class Owners(Protocol):
    """What owners use. It changes with the images: a move that ends an image gives back what was reserved for it."""

    async def reserve(self, owner_id: str, *, size: int, limits: OwnerLimits, now: datetime) -> Owner:
        """Count one request, one open upload, one image and its bytes, all or nothing, exactly under concurrency.

        Raises OwnerBlocked, TooManyRequests, TooManyOpenUploads, QuotaExceeded.
        """
        ...

    async def hold(self, owner_ids: Collection[str]) -> None:
        """Let nobody else change what these owners use until the transaction ends. Unknown ones are left out.

        To be called before images of several owners are moved: always in the same order, so that nobody waits in vain.
        """
        ...

    async def see_unblocked(self, owner_id: str | None) -> None:
        """Raise OwnerBlocked where the owner is blocked; nobody blocks it until this transaction has ended."""
        ...

    async def block(self, owner_id: str, *, at: datetime) -> bool:
        """Block an owner, known or not; False where it is blocked already."""
        ...

    async def unblock(self, owner_id: str) -> bool:
        """End a block; False where there is none."""
        ...

    async def recount(self, owner_id: str) -> Owner:
        """Count anew, from the images, what an owner uses, and note it."""
        ...

    async def forget(self, owner_id: str, image_ids: Collection[ImageId]) -> int:
        """Take the owner's name and what they were attached to off those images that are over; return how many.

        Of an owner that has no other images and is not blocked, nothing is left but what the audit log says.
        """
        ...
