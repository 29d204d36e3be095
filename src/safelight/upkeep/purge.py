"""Purge an image: remove every byte of one that is rejected, expired or deleted."""

from datetime import timedelta

from safelight.domain import keys
from safelight.domain.events import Action, Origin
from safelight.domain.image import BYTES_OWED, Image, ImageId
from safelight.domain.jobs import PurgeImage
from safelight.domain.who import SYSTEM
from safelight.ports.clock import Clock
from safelight.ports.object_store import ObjectStore
from safelight.ports.records import Records


async def purge_image(
    image_id: ImageId, *, records: Records, objects: ObjectStore, clock: Clock, grace: timedelta
) -> bool:
    """Remove the image's objects; return whether none can come any more, or else queue another purge for later.

    An upload URL can write until it ends, and an upload that has begun may last for `grace` after that.
    Purging may be repeated, and does nothing to an image whose bytes are needed.
    """
    async with records.glance() as snapshot:
        image = await snapshot.image(image_id)
    if image.state not in BYTES_OWED:
        return False
    await _abort_uploads(image, objects)  # first: from then on none becomes an object
    for prefix in (
        keys.folder(image_id, public=True),
        keys.folder(image_id, public=False),
        keys.incoming_prefix(image),
    ):
        async for stored in objects.list(prefix):
            await objects.delete(stored.key)

    now, quiet_from = clock.now(), image.expires_at + grace
    async with records.transaction() as tx:
        if now >= quiet_from:
            await tx.note_purged(image_id, at=now)
            await tx.audit(Origin(SYSTEM).event(Action.PURGED, at=now, image=image))
            return True
        state = (await tx.image(image_id)).state  # a rejected or expired one may be deleted by now
        await tx.postpone(image_id, was=state, until=quiet_from)
        await tx.enqueue(PurgeImage(image_id), run_at=quiet_from)
        return False


async def _abort_uploads(image: Image, objects: ObjectStore) -> None:
    """Give up what comes in parts. A part under way may outlast that: the purge after the last URL's end finds it."""
    if image.multipart_id is None or objects.multipart is None:
        return
    async for upload in objects.multipart.uploads(keys.incoming_prefix(image)):
        await objects.multipart.abort(upload.key, upload.multipart_id)
