"""Reading the records: images, what is stored of them, and what is to be done.

async with records.reading() as snapshot:
image = await snapshot.image(image_id)
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from safelight.domain.declaration import Declared
from safelight.domain.events import AuditEvent, Delivery
from safelight.domain.image import Attachment, Image, ImageId, Rendition, State
from safelight.domain.jobs import DeliveryId
from safelight.domain.owner import Owner, Usage
from safelight.domain.who import ApiKey, ApiKeyId


@dataclass(frozen=True, slots=True)
class ImageFilter:
    """Which images to list; None does not restrict."""

    kind: str | None = None
    state: State | None = None
    owner: str | None = None
    attached_to: Attachment | None = None


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which events to read; None does not restrict. `owner`: what its images went through, and what it did."""

    image_id: ImageId | None = None
    owner: str | None = None
    since: datetime | None = None


class Snapshot(Protocol):
    """The records at one moment."""

    async def image(self, image_id: ImageId) -> Image:
        """Return the record. Raises ImageNotFound."""
        ...

    async def images(self, image_ids: Collection[ImageId]) -> Mapping[ImageId, Image]:
        """Return those of the images that exist, however many are asked for."""
        ...

    async def page(self, which: ImageFilter, *, after: ImageId | None, limit: int) -> Sequence[Image]:
        """Return images in order of id, newest first, beginning after `after`."""
        ...

    async def renditions(self, image_id: ImageId) -> Sequence[Rendition]:
        """Return what is stored of an image: by variant, then width, then format."""
        ...

    async def renditions_of(
        self, image_ids: Collection[ImageId], *, retired_since: datetime | None = None
    ) -> Mapping[ImageId, Sequence[Rendition]]:
        """Return the same for several images at once; an image without any is left out.

        Retired ones are not returned; with `retired_since`, those are that were retired then or later.
        """
        ...

    async def shown(
        self, image_ids: Collection[ImageId], variants: Collection[str]
    ) -> Mapping[ImageId, tuple[Image, Sequence[Rendition]]]:
        """Return those of the images that exist, each with what is stored of these variants: in one query."""
        ...

    async def attached(self, target: Attachment, kind: str | None = None) -> Sequence[Image]:
        """Return the images at a record that are not over (HOLDING): by kind, then in their order."""
        ...

    async def owner(self, owner_id: str) -> Owner:
        """Return what an owner uses; nothing where it is not known."""
        ...

    async def list_owners(self, *, after: str | None, limit: int, blocked: bool = False) -> Sequence[Owner]:
        """Return owners in order of id, beginning after `after`; with `blocked` those alone that are."""
        ...

    async def counted(self, owner_id: str) -> Usage:
        """Count from the images what an owner uses."""
        ...

    async def awaiting_work(self, now: datetime, *, limit: int, abandoned: bool = False) -> Sequence[Image]:
        """Return images that a worker should have: uploaded and due, or processing past their lease.

        Those of owners that are blocked are left out.

        With `abandoned`, no lease counts: there is no other worker. Longest waiting first.
        """
        ...

    async def awaiting_reprocess(self, now: datetime, *, limit: int) -> Sequence[Image]:
        """Return ready images that are wanted to be rendered again and due by next_attempt_at: longest due first.

        Those of owners that are blocked are left out.
        """
        ...

    async def unconfirmed(self, now: datetime, *, limit: int) -> Sequence[Image]:
        """Return requested images whose last upload URL has ended and that are due by next_attempt_at: oldest first.

        Those of owners that are blocked are left out.
        """
        ...

    async def unpurged(self, now: datetime, *, limit: int) -> Sequence[Image]:
        """Return rejected, expired and deleted images that are due to be purged and are not, by next_attempt_at."""
        ...

    async def unclear(self, now: datetime, *, limit: int) -> Sequence[Image]:
        """Return images, in whatever state, one of whose sides is due to be cleared: longest due first."""
        ...

    async def delivery(self, delivery_id: DeliveryId) -> Delivery | None:
        """Return a delivery, or None."""
        ...

    async def unsettled_deliveries(self, now: datetime, *, limit: int) -> Sequence[Delivery]:
        """Return deliveries that are neither settled nor waiting for a later time: longest due first."""
        ...

    async def api_key(self, key_id: ApiKeyId) -> ApiKey | None:
        """Return a key, revoked or not, or None."""
        ...

    async def api_keys(self) -> Sequence[ApiKey]:
        """Return all keys: oldest first."""
        ...

    async def audit_log(self, which: AuditFilter, *, after: int | None, limit: int) -> Sequence[tuple[int, AuditEvent]]:
        """Return events with their numbers, oldest first, beginning after number `after`."""
        ...

    async def audit_latest(self, which: AuditFilter, *, limit: int) -> Sequence[tuple[int, AuditEvent]]:
        """Return the last events with their numbers, oldest first."""
        ...

    async def audit_count(self, which: AuditFilter) -> int:
        """Return how many such events there are."""
        ...

    async def counts(self, *, at_most: int | None = None) -> Mapping[State, int]:
        """Return how many images there are in each state; where there are more than `at_most`, that.

        Without it, every image is looked at.
        """
        ...

    async def oldest_waiting(self) -> datetime | None:
        """Return since when the longest-waiting uploaded image has been waiting for a worker, or None."""
        ...

    async def declared(self, kind: str) -> Declared | None:
        """Return the declaration that holds for a kind; None where no host has declared it."""
        ...

    async def every_declared(self) -> Sequence[Declared]:
        """Return the declarations that hold, in order of their kinds' names."""
        ...
