"""Render a lazy variant, because somebody asked for it."""

from collections.abc import Collection

from safelight.domain.errors import WrongState
from safelight.domain.image import BYTES_OWED, Image, ImageId, Rendition, State
from safelight.domain.kind import Kinds
from safelight.ports.clock import Clock
from safelight.ports.object_store import ObjectStore
from safelight.ports.records import Records
from safelight.ports.renderer import Renderer
from safelight.ports.signals import Signals
from safelight.upkeep.render import remove_renditions, render_variants


async def render_lazily(
    image_id: ImageId,
    variant: str,
    *,
    kinds: Kinds,
    records: Records,
    objects: ObjectStore,
    renderer: Renderer,
    signals: Signals,
    clock: Clock,
) -> int:
    """Render the variant of a ready image, and return how many renditions were made; none where it is there already.

    Only what the kind declares as lazy is ever rendered. It does not take the image, so that two variants can be
    rendered at once; where somebody else takes it meanwhile, to render it anew or to move it, nothing is kept and the
    next reader asks again. Raises what `render_variants` does.
    """
    async with records.reading() as snapshot:
        image = await snapshot.image(image_id)
        stored = await snapshot.renditions(image_id)
    kind = kinds[image.kind]
    declared = kind.variants.get(variant)
    if image.state is not State.READY or declared is None or not declared.lazy:
        return 0
    if any(one.variant == variant and one.fingerprint == declared.fingerprint for one in stored):
        return 0
    made = await render_variants(image, {variant}, kind=kind, objects=objects, renderer=renderer)
    outdated = [one for one in stored if one.variant == variant]
    try:
        await _note(image, made, outdated, records, clock)
    except WrongState:
        await _leave(image, made, records, objects)
        return 0
    await signals.changed(image_id)
    return len(made)


async def _note(
    image: Image, made: Collection[Rendition], outdated: Collection[Rendition], records: Records, clock: Clock
) -> None:
    """Note all that was made at once, so that a reader never finds half of it."""
    async with records.transaction() as tx:
        for rendition in made:
            await tx.add_rendition(rendition, attempt=image.attempt)
        await tx.retire_renditions(image.id, outdated, at=clock.now())


async def _leave(image: Image, made: Collection[Rendition], records: Records, objects: ObjectStore) -> None:
    """Remove what was made for nothing, unless whoever took the image may have made the same: the sweep knows."""
    async with records.reading() as snapshot:
        now = await snapshot.image(image.id)
    if now.state in BYTES_OWED or now.public != image.public:
        await remove_renditions(made, image, objects)
