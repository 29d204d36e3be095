"""The upload in parts that is under way for an image."""

from collections.abc import Mapping
from dataclasses import dataclass

from safelight.domain import keys
from safelight.domain.errors import ImageGone, NotInParts, WrongState
from safelight.domain.image import GONE, Image, State
from safelight.domain.keys import Key
from safelight.domain.multipart import Division
from safelight.ports.multipart import Multipart, StoredPart
from safelight.ports.object_store import ObjectStore


@dataclass(frozen=True, slots=True)
class PartsUnderWay:
    """Where the parts go, what the store calls their upload, and how the file is divided."""

    multipart: Multipart
    key: Key
    multipart_id: str
    division: Division

    async def came(self) -> Mapping[int, StoredPart]:
        """Return the parts that have come whole, by number. Raises ObjectMissing where the store knows of no upload."""
        return {
            part.number: part
            for part in await self.multipart.parts(self.key, self.multipart_id)
            if part.number in self.division.numbers and part.bytes == self.division.bytes_of(part.number)
        }


def parts_under_way(image: Image, objects: ObjectStore) -> PartsUnderWay:
    """Return the latest upload of an image, which is in parts. Raises ImageGone, WrongState, NotInParts."""
    if image.state in GONE:
        raise ImageGone(image_id=image.id, state=image.state)
    if image.state is not State.REQUESTED:
        raise WrongState(image_id=image.id, state=image.state)
    if image.multipart_id is None or objects.multipart is None:
        raise NotInParts(image_id=image.id)
    key = keys.incoming_of(image, image.upload_attempt)
    return PartsUnderWay(objects.multipart, key, image.multipart_id, Division(image.declared_bytes))
