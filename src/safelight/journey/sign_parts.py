"""1 REQUEST, of a file in parts: URLs for those that the client is about to send."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from safelight.deeds.parts import parts_under_way
from safelight.domain.errors import ObjectMissing, RequestInvalid, UploadEnded
from safelight.domain.events import Action, Origin
from safelight.domain.image import Image
from safelight.ports.clock import Clock
from safelight.ports.multipart import SignedPart
from safelight.ports.object_store import ObjectStore
from safelight.ports.records import Records


@dataclass(frozen=True, slots=True)
class SignedParts:
    """URLs, and until when they are good."""

    parts: Sequence[SignedPart]
    expires_at: datetime


async def sign_parts(
    image: Image,
    numbers: Collection[int],
    origin: Origin,
    *,
    records: Records,
    objects: ObjectStore,
    clock: Clock,
    ttl: timedelta,
) -> SignedParts:
    """Sign for each of these parts, at its exact length. The image does not expire before the URLs do.

    It may be asked again for the same part, such as for one whose URL has ended. Raises ImageGone, WrongState,
    NotInParts, OwnerBlocked, UploadEnded; RequestInvalid where there is no such part.
    """
    upload = parts_under_way(image, objects)
    if any(number not in upload.division.numbers for number in numbers):
        raise RequestInvalid(reason=f"numbers: the parts of this upload are 1 to {upload.division.count}")

    now = clock.now()
    expires_at = now + ttl
    async with records.transaction() as tx:
        await tx.prolong(image.id, upload_attempt=image.upload_attempt, expires_at=expires_at)
        await tx.owners.see_unblocked(image.owner)
        await tx.audit(origin.event(Action.RESIGNED, at=now, image=image))
    sizes = {number: upload.division.bytes_of(number) for number in sorted(set(numbers))}
    try:
        parts = await upload.multipart.sign_parts(
            upload.key, upload.multipart_id, sizes, begins_at=now, expires_at=expires_at
        )
    except ObjectMissing:
        raise UploadEnded(image_id=image.id) from None
    return SignedParts(parts, expires_at)
