"""The images of the application's records, within a transaction of the records.

A place is one record and one kind: the avatar of user 42, the photos of post 7.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from safelight.domain.image import Attachment, Image, ImageId


class Places(Protocol):
    """Which images are attached where, and in which order."""

    async def stay(self, image_id: ImageId) -> Image:
        """Return an image that nobody else attaches elsewhere until the transaction ends. Raises ImageNotFound.

        To be called before its places are locked. Whoever locked them first, only to see that it had gone elsewhere
        meanwhile, would lock places in no order.
        """
        ...

    async def lock(self, target: Attachment, kind: str) -> Sequence[Image]:
        """Return the images at a place that are not over, in order; nobody else changes it until the transaction ends.

        Those are images in a state of HOLDING: on their way, ready, held, or failed by our fault.
        """
        ...

    async def attach(self, image_id: ImageId, target: Attachment, *, position: int, at: datetime) -> Image:
        """Attach an image that is not over, wherever it was attached before. Raises WrongState, ImageNotFound."""
        ...

    async def hold(self, targets: Collection[Attachment]) -> None:
        """Let nobody else change what is at any place of these records until the transaction ends.

        To be called before images there are removed: places are locked before images everywhere, and images before
        owners, each in an order that is always the same, so that nobody waits in vain.
        """
        ...

    async def forget(self, target: Attachment) -> None:
        """Forget the places of a record at which nothing is attached any more, but those that others hold."""
        ...

    async def arrange(self, image_ids: Sequence[ImageId]) -> None:
        """Give images that are at one place the positions 0, 1, 2 and so on, in this order."""
        ...
