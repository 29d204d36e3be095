"""Visibility: make a protected image public, or a public one protected."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from safelight.domain import keys
from safelight.domain.errors import ImageBusy, WrongState
from safelight.domain.events import Action, Origin
from safelight.domain.image import Image, State
from safelight.domain.keys import Key
from safelight.ports.clock import Clock
from safelight.ports.object_store import ObjectStore
from safelight.ports.records import Records, Transaction
from safelight.ports.signals import Signals
from safelight.upkeep.sides import EVER, clear_image, move_renditions


@dataclass(frozen=True, slots=True)
class Switched:
    """The image as it is now, and the keys under which anybody could read it until now."""

    image: Image
    formerly_public: Sequence[Key]


async def set_visibility(
    image: Image,
    origin: Origin,
    *,
    public: bool,
    records: Records,
    objects: ObjectStore,
    signals: Signals,
    clock: Clock,
) -> Switched:
    """Let anybody see a ready image, or only whoever may: its renditions move, and no old URL leads to them any more.

    All or nothing: when this raises, the image is as it was, but for StorageFailed, which can also mean that what lies
    at the old URLs could not be removed yet; asking again in a minute does that. What is so already stays as it is.

    Raises WrongState where the image is not ready, ImageBusy where it is being moved, and StorageFailed.
    """
    if image.state is not State.READY:
        raise WrongState(image_id=image.id, state=image.state)
    left = [] if public else await _public_keys(image, records)
    if image.public is public:
        return Switched(await _see_that_it_is_done(image, records, objects, clock), left)
    flip = partial(_flip, origin=origin, clock=clock)
    moved = await move_renditions(image, flip, records=records, objects=objects, signals=signals, clock=clock)
    return Switched(moved, left)


async def _public_keys(image: Image, records: Records) -> list[Key]:
    """Return where the renditions lie, or lay, for anybody to read, the retired ones included."""
    async with records.reading() as snapshot:
        noted = await snapshot.renditions_of([image.id], retired_since=EVER)
    return [keys.rendition(one, public=True) for one in noted.get(image.id, ())]


async def _see_that_it_is_done(image: Image, records: Records, objects: ObjectStore, clock: Clock) -> Image:
    """Finish what an earlier call left to do. Raises ImageBusy where that call is still at it."""
    if image.clear_due_at is None:
        return image
    await clear_image(image.id, records=records, objects=objects, clock=clock)
    async with records.reading() as snapshot:
        known = await snapshot.image(image.id)
    if known.clear_due_at is not None:
        raise ImageBusy(image_id=image.id)
    return known


async def _flip(tx: Transaction, taken: Image, *, origin: Origin, clock: Clock) -> None:
    moved = await tx.set_public(taken.id, attempt=taken.attempt, public=not taken.public)
    action = Action.PUBLISHED if moved.public else Action.PROTECTED
    await tx.audit(origin.event(action, at=clock.now(), image=moved))
