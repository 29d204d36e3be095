"""An image of which something was left behind, all who store and remove, and what must hold however they meet."""

from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta

from safelight.domain import keys
from safelight.domain.events import Origin
from safelight.domain.formats import InputFormat, OutputFormat
from safelight.domain.image import Image, State, Verified
from safelight.domain.keys import Key
from safelight.domain.kind import Kind, Kinds
from safelight.domain.variant import cover, fit
from safelight.domain.who import SYSTEM
from safelight.ports.records import Changes, Records
from safelight.ports.renderer import Inspected, Part, Recipe, Rendered
from safelight.testing.contracts.records import image_in
from safelight.testing.fakes import NOW, CountingIds, FrozenClock, RecordingSignals
from safelight.testing.memory_store import MemoryObjectStore
from safelight.upkeep.delete import delete_image
from safelight.upkeep.lazy import render_lazily
from safelight.upkeep.purge import purge_image
from safelight.upkeep.reprocess import Which, reprocess_image
from safelight.upkeep.sides import clear_image
from safelight.upkeep.sweep import sweep_orphans
from safelight.upkeep.visibility import set_visibility

ORIGINAL = b"the original"
INSPECTED = Inspected(InputFormat.JPEG, 800, 600, 1, len(ORIGINAL), "ab" * 32)
KIND = Kind(
    "avatar",
    public=True,
    variants={
        "thumb": cover(96, 96, formats="webp"),
        "wide": fit(400, formats="webp"),
        "zoom": fit(700, formats="webp", lazy=True),
    },
)
THUMB = Rendered("thumb", OutputFormat.WEBP, 96, 96, b"small pixels")
WIDE = Rendered("wide", OutputFormat.WEBP, 400, 300, b"more pixels")
ZOOM = Rendered("zoom", OutputFormat.WEBP, 700, 525, b"pixels")
GRACE = timedelta(hours=1)
LONG = 2 * GRACE
"""Until when all upload URLs have ended, all that is old is swept, and all that was taken is due."""


class PromptRenderer:
    """ports.renderer.Renderer that has its pixels at hand."""

    async def render(self, source: AsyncIterable[bytes], recipe: Recipe) -> AsyncIterator[Part]:
        """Yield what the recipe asks for."""
        async for _ in source:
            pass
        yield INSPECTED
        for made in (THUMB, WIDE, ZOOM):
            if made.variant in recipe.variants:
                yield made


@dataclass
class World:
    """Records and a store. To a sweep all that is in this is old: on a disk, even a copy is, a link to the old file."""

    records: Records
    objects: MemoryObjectStore = field(default_factory=lambda: MemoryObjectStore(now=lambda: NOW))
    signals: RecordingSignals = field(default_factory=RecordingSignals)
    clock: FrozenClock = field(default_factory=lambda: FrozenClock(NOW + LONG))

    async def stored(self, image: Image) -> Image:
        """Return the record as it is now."""
        async with self.records.reading() as snapshot:
            return await snapshot.image(image.id)


Deed = Callable[[World, Image], Awaitable[object]]


async def lazily(world: World, image: Image) -> int:
    """Render what a reader asked for."""
    return await render_lazily(
        image.id,
        ZOOM.variant,
        kinds=Kinds([KIND]),
        records=world.records,
        objects=world.objects,
        renderer=PromptRenderer(),
        signals=world.signals,
        clock=world.clock,
    )


async def anew(world: World, image: Image) -> int:
    """Render what is missing."""
    return await reprocess_image(
        await world.stored(image),
        Which.STALE,
        kind=KIND,
        records=world.records,
        objects=world.objects,
        renderer=PromptRenderer(),
        signals=world.signals,
        clock=world.clock,
    )


async def to_the_other_side(world: World, image: Image) -> None:
    """Make a public image protected, or a protected one public."""
    image = await world.stored(image)
    await set_visibility(
        image,
        Origin(SYSTEM),
        public=not image.public,
        records=world.records,
        objects=world.objects,
        signals=world.signals,
        clock=world.clock,
    )


async def sweep(world: World, _: Image) -> int:
    """Remove whatever nobody asks for."""
    return await sweep_orphans(records=world.records, objects=world.objects, clock=world.clock, grace=GRACE, batch=10)


async def delete(world: World, image: Image) -> None:
    """Delete the image, and remove all that it has."""
    known = await world.stored(image)
    signals, ids = world.signals, CountingIds()
    await delete_image(
        known, Origin(SYSTEM), records=world.records, signals=signals, clock=world.clock, ids=ids, told=False
    )
    await purge_image(image.id, records=world.records, objects=world.objects, clock=world.clock, grace=GRACE)


async def settle(world: World, image: Image) -> None:
    """Do what upkeep does in time."""
    world.clock.advance(LONG)
    await clear_image(image.id, records=world.records, objects=world.objects, clock=world.clock)
    await sweep(world, image)


DEEDS: list[Deed] = [lazily, anew, to_the_other_side, sweep]


async def an_image(world: World, number: int = 1) -> Image:
    """Return a ready, public image that shows one rendition. Killed workers left two others behind, long ago."""
    image = await image_in(world.records, State.PROCESSING, number)
    world.objects.keep(keys.original(image.id), ORIGINAL)
    for made in (THUMB, WIDE, ZOOM):
        world.objects.keep(key_of(made, image), made.content)
    async with world.records.transaction() as tx:
        verified = Verified("image/jpeg", len(ORIGINAL), INSPECTED.sha256, 800, 600, renditions_expected=2)
        await tx.note_verified(image.id, attempt=1, verified=verified, look=None)
        await tx.add_rendition(WIDE.as_rendition(image.id, KIND), attempt=1)
        return await tx.move(image.id, was=State.PROCESSING, now=State.READY, changes=Changes(original_kept=True))


def key_of(made: Rendered, image: Image) -> Key:
    """Return where it lies while the image is public."""
    return keys.rendition(made.as_rendition(image.id, KIND), public=True)


async def noted_and_there(world: World, image: Image) -> tuple[set[Key], set[Key]]:
    """Return the keys of the renditions that are noted, and of those that are there, on either side."""
    async with world.records.reading() as snapshot:
        public = (await snapshot.image(image.id)).public
        noted = {keys.rendition(one, public=public) for one in await snapshot.renditions(image.id)}
    there = {stored.key async for stored in world.objects.list("") if keys.image_of(stored.key) == image.id}
    return noted, there - {keys.original(image.id)}
