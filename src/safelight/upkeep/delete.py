"""Delete an image: nobody sees it from now on; its bytes are purged in the background."""

from safelight.deeds.block import see_unblocked_for
from safelight.deeds.occasion import Occasion
from safelight.deeds.remove import remove_image
from safelight.domain.errors import ImageGone, NotAllowed, WrongState
from safelight.domain.events import Origin
from safelight.domain.image import FINAL, Image, State
from safelight.ports.clock import Clock, Ids
from safelight.ports.records import Records
from safelight.ports.signals import Signals


async def delete_image(
    image: Image,
    origin: Origin,
    *,
    records: Records,
    signals: Signals,
    clock: Clock,
    ids: Ids,
    told: bool,
    spares_final: bool = False,
) -> None:
    """Move the image to `deleted` from whatever state it is in, and queue the purge. `told` as in `finalize_image`.

    Raises ImageGone where it was deleted before, and NotAllowed where it is final and `spares_final` says that the
    caller may only cancel. Raises OwnerBlocked where neither the application nor we ourselves ask.
    """
    while image.state is not State.DELETED:
        if spares_final and image.state in FINAL:
            raise NotAllowed(action="delete an image that is final, but only cancel an upload")
        try:
            async with records.transaction() as tx:
                await remove_image(image, Occasion(origin, clock.now(), ids, told), tx)
                await see_unblocked_for(origin.who, image, tx)
        except WrongState:  # a worker moved it meanwhile
            async with records.glance() as snapshot:
                image = await snapshot.image(image.id)
        else:
            await signals.changed(image.id)
            return
    raise ImageGone(image_id=image.id, state=image.state)
