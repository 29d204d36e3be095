"""Recover: hand back the images that a killed process was working on, when no other process can have them."""

from safelight.domain.image import State
from safelight.ports.records import ImageFilter, Records


async def recover_images(*, records: Records, limit: int) -> int:
    """Move every image from `processing` back to `uploaded`, and return how many there were.

    Only for a process that is alone, before its worker starts: otherwise a lease says when an image is abandoned.
    """
    recovered = 0
    while True:
        async with records.transaction() as tx:
            abandoned = await tx.page(ImageFilter(state=State.PROCESSING), after=None, limit=limit)
            for image in abandoned:
                await tx.move(image.id, was=State.PROCESSING, now=State.UPLOADED, attempt=image.attempt)
        recovered += len(abandoned)
        if not abandoned:
            return recovered
