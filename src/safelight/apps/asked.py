"""Which objects the records ask for: what a backup must find, and what must not be missing."""

from collections.abc import AsyncIterator, Collection, Iterator
from dataclasses import dataclass

from safelight.domain import keys
from safelight.domain.image import BYTES_NEEDED, BYTES_OWED, Image, Rendition, State
from safelight.domain.keys import Key
from safelight.ports.snapshot import ImageFilter, Snapshot

PAGE = 500
"""Images asked for in one query."""

INCOMING_NEEDED = BYTES_NEEDED - {State.REQUESTED}
"""States in which the incoming bytes are there for certain. (Of a requested image they may come yet, or never.)"""


@dataclass(frozen=True, slots=True)
class Asked:
    """An object that a record asks for. `sha256`, in hexadecimal digits, where the record knows it."""

    key: Key
    bytes: int
    sha256: str | None = None


def asked_of(image: Image, renditions: Collection[Rendition]) -> Iterator[Asked]:
    """Yield the objects that must be there for this image."""
    if image.state in BYTES_OWED or image.purged_at is not None:
        return
    sha256 = image.verified.sha256 if image.verified else None
    if image.state in INCOMING_NEEDED:
        yield Asked(keys.incoming_of(image, image.upload_attempt), image.declared_bytes, sha256)
    if image.original_kept and image.verified:
        yield Asked(keys.original(image.id), image.verified.bytes, sha256)
    for rendition in renditions:
        yield Asked(keys.rendition(rendition, public=image.public), rendition.bytes)


async def all_asked(snapshot: Snapshot) -> AsyncIterator[Asked]:
    """Yield the objects that must be there for all images, newest first."""
    async for some in pages(snapshot, ImageFilter()):
        renditions = await snapshot.renditions_of([image.id for image in some])
        for image in some:
            for asked in asked_of(image, renditions.get(image.id, ())):
                yield asked


async def pages(snapshot: Snapshot, which: ImageFilter) -> AsyncIterator[Collection[Image]]:
    """Yield all such images, newest first, some at a time."""
    last = None
    while some := await snapshot.page(which, after=last, limit=PAGE):
        yield some
        last = some[-1].id
