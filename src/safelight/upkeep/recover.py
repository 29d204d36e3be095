"""Recover: hand back what a killed process was working on, when no other process can have it."""

from collections.abc import Awaitable, Callable

from safelight.domain.image import ImageId, State
from safelight.domain.outcome import Broken
from safelight.journey.finalize import Retries, finalize_image
from safelight.ports.clock import Clock, Ids
from safelight.ports.records import Records
from safelight.ports.signals import Signals
from safelight.ports.snapshot import ImageFilter

WORKER_LOST = Broken("worker_lost", "the process ended while it worked on the image")


async def recover_images(recover: Callable[[ImageId], Awaitable[object]], *, records: Records, limit: int) -> int:
    """Let `recover` take every image that is `processing`, and return how many there were.

    Only for a process that is alone, before its worker starts: otherwise a lease says when an image is abandoned.
    """
    recovered = 0
    while True:
        async with records.reading() as snapshot:
            abandoned = await snapshot.page(ImageFilter(state=State.PROCESSING), after=None, limit=limit)
        for image in abandoned:
            await recover(image.id)
        recovered += len(abandoned)
        if not abandoned:
            return recovered


async def recover_image(
    image_id: ImageId,
    *,
    records: Records,
    signals: Signals,
    clock: Clock,
    ids: Ids,
    retries: Retries,
    told: bool,
) -> State | None:
    """Finalize an image whose worker is known to be lost, and return its state; None where it is not `processing`.

    It is tried again after a wait, so that others come first if it was the image that killed its worker; after the last
    of its attempts it has failed. Raises WrongState where its worker is not lost after all, and was faster.
    """
    async with records.glance() as snapshot:
        image = await snapshot.image(image_id)
    if image.state is not State.PROCESSING:
        return None
    return await finalize_image(
        image,
        WORKER_LOST,
        records=records,
        signals=signals,
        clock=clock,
        ids=ids,
        retries=retries,
        told=told,
    )


async def release_claims(records: Records) -> int:
    """Let go of the calls that a killed process was answering, and return how many there were.

    Whoever sends one again with its Idempotency-Key need not wait for the claim to run out. Only for a process that is
    alone, before it takes calls.
    """
    async with records.transaction() as tx:
        return await tx.answers.release()
