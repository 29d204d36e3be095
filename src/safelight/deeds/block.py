"""Keep what a blocked owner has from whoever may not touch it."""

from safelight.domain.image import Image
from safelight.domain.who import Role, Who
from safelight.ports.records import Transaction

DESPITE_A_BLOCK = frozenset({Role.APPLICATION, Role.SYSTEM})
"""Who goes on managing what is kept for review."""


async def see_unblocked_for(who: Who, image: Image, tx: Transaction) -> None:
    """Raise OwnerBlocked where the image's owner is blocked and neither the application nor we ourselves ask.

    To be called last, once places and images are locked: owners are locked after them everywhere.
    """
    if who.role not in DESPITE_A_BLOCK:
        await tx.owners.see_unblocked(image.owner)
