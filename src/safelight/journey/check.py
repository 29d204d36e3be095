"""5 CHECK: say how far an image is, at once or as soon as there is news."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from safelight.domain.image import FINAL, Image, ImageId, Rendition, State
from safelight.ports.clock import Clock
from safelight.ports.records import Records
from safelight.ports.signals import Signals


@dataclass(frozen=True, slots=True)
class Standing:
    """An image and what is stored of it, at one moment."""

    image: Image
    renditions: Sequence[Rendition]

    @property
    def is_final(self) -> bool:
        """Whether there is nothing more to wait for. A held image waits for its application, not for us."""
        return _is_final(self.image)


async def check_image(
    image_id: ImageId,
    *,
    records: Records,
    signals: Signals,
    clock: Clock,
    at_most: timedelta = timedelta(0),
    seen: int | None = None,
) -> Standing:
    """Return how the image stands: final, or changed since revision `seen`, or as it is after `at_most`.

    Raises ImageNotFound, and Busy where too many wait already.
    """
    if at_most <= timedelta(0):
        return await _standing(image_id, records)
    until = clock.now() + at_most
    async with signals.waiter(image_id) as waiter:
        while True:
            async with records.glance() as snapshot:  # each rendition wakes everyone who waits
                image = await snapshot.image(image_id)
            left = until - clock.now()
            news = seen is not None and image.revision != seen
            if _is_final(image) or news or left <= timedelta(0):
                return await _standing(image_id, records)
            await waiter.wait(left)


async def follow_image(
    image_id: ImageId, *, records: Records, signals: Signals, at_least_every: timedelta
) -> AsyncGenerator[Standing | None, None]:
    """Yield how the image stands now and after every change, until it is final; None when nothing changed for so long.

    Raises ImageNotFound, and Busy where too many wait already.
    """
    seen = None
    async with signals.waiter(image_id) as waiter:
        while True:
            standing = await _standing(image_id, records)
            yield None if standing.image.revision == seen else standing
            if standing.is_final:
                return
            seen = standing.image.revision
            await waiter.wait(at_least_every)


def _is_final(image: Image) -> bool:
    return image.state in FINAL or image.state is State.HELD


async def _standing(image_id: ImageId, records: Records) -> Standing:
    async with records.reading() as snapshot:
        return Standing(await snapshot.image(image_id), await snapshot.renditions(image_id))
