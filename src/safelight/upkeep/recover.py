"""Recover: hand back the images that a killed process was working on, when no other process can have them."""

from safelight.domain.image import State
from safelight.domain.jobs import ProcessImage
from safelight.domain.retry import Backoff
from safelight.ports.clock import Clock
from safelight.ports.records import Changes, ImageFilter, Records


async def recover_images(*, records: Records, clock: Clock, backoff: Backoff, limit: int) -> int:
    """Move every image from `processing` back to `uploaded`, and return how many there were.

    Each is tried again after a wait: if it was the image that killed its worker, the others come first.
    Only for a process that is alone, before its worker starts: otherwise a lease says when an image is abandoned.
    """
    recovered = 0
    while True:
        now = clock.now()
        async with records.transaction() as tx:
            abandoned = await tx.page(ImageFilter(state=State.PROCESSING), after=None, limit=limit)
            for image in abandoned:
                again = backoff.after(image.attempt, now=now)
                await tx.move(
                    image.id,
                    was=State.PROCESSING,
                    now=State.UPLOADED,
                    attempt=image.attempt,
                    changes=Changes(next_attempt_at=again),
                )
                await tx.enqueue(ProcessImage(image.id), run_at=again)
        recovered += len(abandoned)
        if not abandoned:
            return recovered
