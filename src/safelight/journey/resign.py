"""1 REQUEST, again: a fresh upload URL for an image that has not been uploaded yet."""

from datetime import timedelta

from safelight.domain import keys
from safelight.domain.errors import ImageGone, TooManyAttempts, WrongState
from safelight.domain.events import Action, Origin
from safelight.domain.image import GONE, Image, State
from safelight.ports.clock import Clock
from safelight.ports.object_store import SignedUpload, Signer
from safelight.ports.records import Records


async def resign_upload(
    image: Image,
    origin: Origin,
    *,
    records: Records,
    signer: Signer,
    clock: Clock,
    ttl: timedelta,
    max_attempts: int,
    transport: str = "put",
) -> SignedUpload:
    """Sign one more upload, to a key of its own, so that what an earlier URL wrote cannot stand in its way.

    Raises ImageGone, WrongState, OwnerBlocked, TooManyAttempts, UnsupportedTransport.
    """
    while True:
        _see_that_it_may_come(image, max_attempts)
        now = clock.now()
        attempt = image.upload_attempt + 1
        upload = signer.sign_upload(
            keys.incoming_of(image, attempt),
            declared_bytes=image.declared_bytes,
            content_type=image.declared_type,
            checksum=image.checksum,
            expires_at=now + ttl,
            transport=transport,
        )
        try:
            async with records.transaction() as tx:
                await tx.resign(image.id, upload_attempt=attempt, expires_at=upload.expires_at)
                await tx.owners.see_unblocked(image.owner)
                await tx.audit(origin.event(Action.RESIGNED, at=now, image=image))
        except WrongState:  # signed, confirmed or deleted by another call at this very moment
            async with records.reading() as snapshot:
                image = await snapshot.image(image.id)
        else:
            return upload


def _see_that_it_may_come(image: Image, max_attempts: int) -> None:
    if image.state in GONE:
        raise ImageGone(image_id=image.id, state=image.state)
    if image.state is not State.REQUESTED:
        raise WrongState(image_id=image.id, state=image.state)
    if image.upload_attempt >= max_attempts:
        raise TooManyAttempts(allowed=max_attempts)
