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
from safelight.upkeep.sides import storing


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
    rendered at once; where somebody else takes it meanwhile, to render it anew, to move or to clear it, nothing is kept
    and the next reader asks again. Nothing is rendered until it is clear, while its owner is blocked, or where another
    process has declared the variant otherwise later: the next reader's job may reach that one. Raises what
    `render_variants` does.
    """
    async with records.reading() as snapshot:
        image = await snapshot.image(image_id)
        stored = await snapshot.renditions(image_id)
        is_blocked = image.owner is not None and (await snapshot.owner(image.owner)).blocked_at is not None
        declared_last = await snapshot.declared(image.kind)
    kind = kinds[image.kind]
    declared = kind.variants.get(variant)
    if is_blocked or image.state is not State.READY or image.clear_due_at is not None:
        return 0
    if declared is None or not declared.lazy:
        return 0
    if declared_last is not None and not declared_last.declaration.agrees(kind, variant):
        return 0
    if any(one.variant == variant and one.fingerprint == declared.fingerprint for one in stored):
        return 0
    outdated = [one for one in stored if one.variant == variant]
    made: list[Rendition] = []
    try:
        async with storing(image, records=records, clock=clock):
            made += await render_variants(image, {variant}, kind=kind, objects=objects, renderer=renderer)
            await _note(image, made, outdated, records, clock)
    except WrongState as lost:
        if lost.state in BYTES_OWED:  # it may have been purged before the last of them was stored
            await remove_renditions(made, image, objects)
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
