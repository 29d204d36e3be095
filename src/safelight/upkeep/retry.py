"""Retry: send an image round again that failed by our fault, once its cause is mended."""

from safelight.domain.events import Action, Origin
from safelight.domain.image import ImageId, State
from safelight.domain.jobs import ProcessImage
from safelight.ports.clock import Clock
from safelight.ports.records import Records
from safelight.ports.signals import Signals


async def retry_image(image_id: ImageId, origin: Origin, *, records: Records, signals: Signals, clock: Clock) -> None:
    """Move a failed image back to `uploaded` and queue it. Raises WrongState where it is not failed.

    Its attempts go on counting, so that it gets one more try.
    """
    async with records.transaction() as tx:
        image = await tx.move(image_id, was=State.FAILED, now=State.UPLOADED)
        await tx.audit(origin.event(Action.REPROCESSED, at=clock.now(), image=image, result="sent again"))
        await tx.enqueue(ProcessImage(image_id))
    await signals.changed(image_id)
