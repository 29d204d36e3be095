"""Expire an image whose upload never came; confirm one whose upload came and was not confirmed."""

from datetime import timedelta

from safelight.domain.errors import (
    ImageGone,
    NothingUploaded,
    OwnerBlocked,
    PartsMissing,
    PartsMoving,
    SizeDiffers,
    WrongState,
)
from safelight.domain.events import Action, Origin
from safelight.domain.image import Image, State
from safelight.domain.jobs import PurgeImage
from safelight.domain.who import SYSTEM
from safelight.journey.confirm import confirm_upload
from safelight.ports.clock import Clock
from safelight.ports.object_store import ObjectStore
from safelight.ports.records import Records
from safelight.ports.signals import Signals

LOOK_AGAIN_AFTER = timedelta(minutes=5)
"""An upload that began in time may still be under way; how often to look for it."""


async def expire_image(
    image: Image, *, records: Records, objects: ObjectStore, signals: Signals, clock: Clock, grace: timedelta
) -> State:
    """Settle a requested image whose last upload URL has ended, and return the state that it is in afterwards.

    Bytes that came are confirmed on the client's behalf. Where none came, the image expires once `grace`, the longest
    time that an upload may take, has passed as well. Nothing is settled while its owner is blocked.
    """
    origin, now = Origin(SYSTEM), clock.now()  # now, before the look: what comes after it is not missed
    settled = await _confirmed(image, origin, records=records, objects=objects, signals=signals, clock=clock)
    if settled is not None:
        return settled

    try:
        async with records.transaction() as tx:
            await tx.hold([image.id])  # so that nobody signs it again between the look and the move
            too_late = (await tx.image(image.id)).expires_at + grace
            if now < too_late:
                await tx.postpone(image.id, was=State.REQUESTED, until=min(now + LOOK_AGAIN_AFTER, too_late))
                return State.REQUESTED
            await tx.move(image.id, was=State.REQUESTED, now=State.EXPIRED)
            await tx.owners.see_unblocked(image.owner)
            await tx.audit(origin.event(Action.EXPIRED, at=now, image=image))
            await tx.enqueue(PurgeImage(image.id))
    except OwnerBlocked:  # at this very moment
        return State.REQUESTED
    except WrongState:  # confirmed or deleted at this very moment
        async with records.glance() as snapshot:
            return (await snapshot.image(image.id)).state
    await signals.changed(image.id)
    return State.EXPIRED


async def _confirmed(
    image: Image, origin: Origin, *, records: Records, objects: ObjectStore, signals: Signals, clock: Clock
) -> State | None:
    """Confirm what came, and return the state that the image is in; None where nothing came, or not what was to."""
    try:
        confirmed = await confirm_upload(image, origin, records=records, objects=objects, signals=signals, clock=clock)
    except OwnerBlocked:
        return State.REQUESTED
    except ImageGone as gone:  # at this very moment
        return State(gone.state)
    except (NothingUploaded, PartsMissing, PartsMoving, SizeDiffers):
        return None
    return confirmed.state
