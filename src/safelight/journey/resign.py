"""1 REQUEST, again: a fresh upload URL for an image that has not been uploaded yet."""

from datetime import timedelta

from safelight.deeds.permit import PartedUpload, Transport, give_up_parts, permitted_upload
from safelight.domain.errors import ImageGone, TooManyAttempts, WrongState
from safelight.domain.events import Action, Origin
from safelight.domain.image import GONE, Image, State
from safelight.ports.clock import Clock
from safelight.ports.object_store import ObjectStore, SignedUpload, Signer
from safelight.ports.records import Records


async def resign_upload(  # noqa: PLR0913 - a step is told its whole world by name
    image: Image,
    origin: Origin,
    *,
    records: Records,
    objects: ObjectStore,
    signer: Signer,
    clock: Clock,
    ttl: timedelta,
    max_attempts: int,
    transport: Transport,
) -> SignedUpload | PartedUpload:
    """Sign one more upload, to a key of its own, so that what an earlier URL wrote cannot stand in its way.

    Parts that came of an earlier one are given up.

    Raises ImageGone, WrongState, OwnerBlocked, TooManyAttempts, UnsupportedTransport.
    """
    while True:
        _see_that_it_may_come(image, max_attempts)
        now = clock.now()
        attempt = image.upload_attempt + 1
        permission = permitted_upload(image, attempt, transport, objects=objects, signer=signer, expires_at=now + ttl)
        try:
            async with permission as permitted, records.transaction() as tx:
                await tx.resign(
                    image.id, upload_attempt=attempt, expires_at=now + ttl, multipart_id=permitted.multipart_id
                )
                await tx.owners.see_unblocked(image.owner)
                await tx.audit(origin.event(Action.RESIGNED, at=now, image=image))
        except WrongState:  # signed, confirmed or deleted by another call at this very moment
            async with records.glance() as snapshot:
                image = await snapshot.image(image.id)
        else:
            await give_up_parts(image, objects)
            return permitted.upload


def _see_that_it_may_come(image: Image, max_attempts: int) -> None:
    if image.state in GONE:
        raise ImageGone(image_id=image.id, state=image.state)
    if image.state is not State.REQUESTED:
        raise WrongState(image_id=image.id, state=image.state)
    if image.upload_attempt >= max_attempts:
        raise TooManyAttempts(allowed=max_attempts)
