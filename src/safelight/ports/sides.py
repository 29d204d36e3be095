"""Which side of the store an image's renditions lie on, public or private, within a transaction of the records.

Objects belong on the side that the record says, each with a row. Where an image has a `clear_due_at`, there may be some
on the other, or without one.
"""

from datetime import datetime
from typing import Protocol

from safelight.domain.image import Image, ImageId


class Sides(Protocol):
    """Who moves which image to the other side, and what is left to be cleared."""

    async def take(self, image: Image, *, clear_due_at: datetime) -> Image | None:
        """Let one move or clear the image: attempt + 1, to be clear by then. The revision stays.

        None where its state, attempt or `clear_due_at` are not those of `image` any more: another was faster. That its
        owner is blocked does not matter.
        """
        ...

    async def owe(self, image_id: ImageId, *, at: datetime) -> None:
        """Note that the image is to be cleared then, unless that is noted already. The revision stays."""
        ...

    async def settle(self, image_id: ImageId, *, due_at: datetime, again_at: datetime | None = None) -> None:
        """Note that the image is clear, or that it is to be cleared `again_at`. The revision stays.

        Done only where it is noted as due at `due_at`: otherwise somebody else has it by now.
        """
        ...
