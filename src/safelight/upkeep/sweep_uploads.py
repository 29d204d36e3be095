"""Sweep: give up uploads in parts that no record knows of. Their parts take room, and no list of objects has them."""

from collections.abc import Collection, Mapping
from datetime import timedelta

from safelight.domain import keys
from safelight.domain.errors import StorageFailed
from safelight.domain.image import Image, ImageId, State
from safelight.ports.clock import Clock
from safelight.ports.multipart import OpenUpload
from safelight.ports.object_store import ObjectStore
from safelight.ports.records import Records
from safelight.upkeep.batches import batches


async def sweep_uploads(*, records: Records, objects: ObjectStore, clock: Clock, grace: timedelta, batch: int) -> int:
    """Abort what nobody will complete, and return how many there were. What began within `grace` may be noted yet.

    Raises StorageFailed at the end where one could not be aborted: it does not keep the others.
    """
    multipart = objects.multipart
    if multipart is None:
        return 0
    aborted, failures = 0, list[StorageFailed]()
    before = clock.now() - grace
    async for some in batches(multipart.uploads(keys.INCOMING), batch):
        old = [upload for upload in some if upload.began_at < before]
        images = await _images_of(old, records)
        for upload in old:
            if _is_wanted(upload, images):
                continue
            try:
                await multipart.abort(upload.key, upload.multipart_id)
            except StorageFailed as error:
                failures.append(error)
            else:
                aborted += 1
    if failures:
        raise failures[0]
    return aborted


async def _images_of(some: Collection[OpenUpload], records: Records) -> Mapping[ImageId, Image]:
    async with records.reading() as snapshot:
        return await snapshot.images({image_id for upload in some if (image_id := keys.image_of(upload.key))})


def _is_wanted(upload: OpenUpload, images: Mapping[ImageId, Image]) -> bool:
    """Whether its record still waits for just this upload. One that does not never will again."""
    image_id = keys.image_of(upload.key)
    image = images.get(image_id) if image_id is not None else None
    return image is not None and image.state is State.REQUESTED and image.multipart_id == upload.multipart_id
