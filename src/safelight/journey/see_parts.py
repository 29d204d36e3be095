"""2 UPLOAD, of a file in parts: which of them have come, for a client that goes on where it was broken off."""

from collections.abc import Sequence
from dataclasses import dataclass

from safelight.deeds.parts import PartsUnderWay, parts_under_way
from safelight.domain.errors import ObjectMissing, UploadEnded
from safelight.domain.image import Image
from safelight.domain.multipart import Division
from safelight.ports.object_store import ObjectStore


@dataclass(frozen=True, slots=True)
class PartsSeen:
    """How a file is divided, and the numbers of the parts that have come and that are missing."""

    division: Division
    stored: Sequence[int]
    missing: Sequence[int]


async def see_parts(image: Image, *, objects: ObjectStore) -> PartsSeen:
    """Ask the store, which knows it best. Raises ImageGone, WrongState, NotInParts, UploadEnded."""
    upload = parts_under_way(image, objects)
    numbers = upload.division.numbers
    try:
        came = set(await upload.came())
    except ObjectMissing:
        await _see_that_it_is_whole(image, upload, objects)
        came = set(numbers)
    return PartsSeen(
        upload.division,
        stored=[number for number in numbers if number in came],
        missing=[number for number in numbers if number not in came],
    )


async def _see_that_it_is_whole(image: Image, upload: PartsUnderWay, objects: ObjectStore) -> None:
    """See whether an upload ended well: a confirm was broken off. Raises UploadEnded."""
    try:
        await objects.head(upload.key)
    except ObjectMissing:
        raise UploadEnded(image_id=image.id) from None
