"""Renders the images of a kind again, as the kind is declared now; beside a running server or without one."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum

from safelight.apps.asked import pages
from safelight.apps.wiring import World
from safelight.domain.errors import ImageNotFound, SafelightError, WrongState
from safelight.domain.events import Origin
from safelight.domain.geometry import Size, plan
from safelight.domain.image import Image, ImageId, Rendition, State
from safelight.domain.kind import Kind
from safelight.domain.who import SYSTEM
from safelight.ports.records import Records
from safelight.ports.renderer import Renderer
from safelight.ports.snapshot import ImageFilter
from safelight.upkeep.reprocess import Which, reprocess_image, variants_to_render
from safelight.upkeep.retry import retry_image


@dataclass(frozen=True, slots=True)
class Plan:
    """What there is to do: images to be rendered, and the renditions that makes.

    `unkept` images would be, but have no original. `right` ones are as their kind says.
    """

    images: Sequence[ImageId]
    renditions: int
    unkept: int
    right: int


class Fate(StrEnum):
    """How it ended with one image."""

    RENDERED = "rendered"
    SKIPPED = "skipped"
    """It was deleted, or taken by another worker."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Done:
    """What came of one image. Without renditions: the code of what came between, and the same in words."""

    image_id: ImageId
    fate: Fate
    renditions: int = 0
    code: str = ""
    words: str = ""


async def plan_reprocessing(kind: Kind, which: Which, records: Records) -> Plan:
    """Look through the ready images of the kind. Changes nothing."""
    images: list[ImageId] = []
    renditions = unkept = right = 0
    async with records.reading() as snapshot:
        async for some in pages(snapshot, ImageFilter(kind=kind.name, state=State.READY)):
            stored = await snapshot.renditions_of([image.id for image in some])
            for image in some:
                wanted = variants_to_render(image, stored.get(image.id, ()), kind, which)
                if wanted and not image.original_kept:
                    unkept += 1
                elif wanted or _left_over(stored.get(image.id, ()), kind, which):
                    images.append(image.id)
                    renditions += _count(image, wanted, kind)
                else:
                    right += 1
    return Plan(images, renditions, unkept, right)


async def reprocess_images(
    images: Sequence[ImageId],
    kind: Kind,
    which: Which,
    *,
    world: World,
    renderer: Renderer,
    on_done: Callable[[Done], None],
) -> None:
    """Render the images, as many at once as there are slots, and tell of each as it is done. Raises StorageFailed."""
    waiting = iter(images)

    async def work() -> None:
        for image_id in waiting:
            on_done(await _reprocess(image_id, kind, which, world=world, renderer=renderer))

    async with asyncio.TaskGroup() as tasks:
        for _ in range(world.settings.slots):
            tasks.create_task(work())


async def failed_images(kind: Kind, records: Records) -> Sequence[ImageId]:
    """Return the kind's images that failed by our fault."""
    async with records.reading() as snapshot:
        which = ImageFilter(kind=kind.name, state=State.FAILED)
        return [image.id async for some in pages(snapshot, which) for image in some]


async def retry_images(images: Sequence[ImageId], *, world: World) -> None:
    """Send failed images round again: the server's worker has them next. One that is failed no more is left alone."""
    origin = Origin(SYSTEM)
    for image_id in images:
        with suppress(WrongState):
            await retry_image(image_id, origin, records=world.records, signals=world.signals, clock=world.clock)


async def _reprocess(image_id: ImageId, kind: Kind, which: Which, *, world: World, renderer: Renderer) -> Done:
    try:
        async with world.records.reading() as snapshot:
            image = await snapshot.image(image_id)
        if image.state is not State.READY:
            return _undone(image_id, Fate.SKIPPED, WrongState(image_id, image.state))
        made = await reprocess_image(
            image,
            which,
            kind=kind,
            records=world.records,
            objects=world.objects,
            renderer=renderer,
            signals=world.signals,
            clock=world.clock,
        )
    except (WrongState, ImageNotFound) as error:
        return _undone(image_id, Fate.SKIPPED, error)
    except SafelightError as error:
        return _undone(image_id, Fate.FAILED, error)
    return Done(image_id, Fate.RENDERED, made)


def _undone(image_id: ImageId, fate: Fate, error: SafelightError) -> Done:
    return Done(image_id, fate, code=error.code, words=str(error))


def _left_over(stored: Sequence[Rendition], kind: Kind, which: Which) -> bool:
    """Whether there are renditions that the kind declares no more, or, where nothing is to be rendered, otherwise."""
    fingerprints = {name: variant.fingerprint for name, variant in kind.variants.items()}
    return any(
        r.variant not in fingerprints or (which is Which.STALE and r.fingerprint != fingerprints[r.variant])
        for r in stored
    )


def _count(image: Image, wanted: frozenset[str], kind: Kind) -> int:
    if image.verified is None:
        return 0
    size = Size(image.verified.width, image.verified.height)
    return sum(1 for _ in plan({name: kind.variants[name] for name in wanted}, size))
