"""Reprocess: bring a ready image's renditions in line with what its kind declares now."""

from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum

from safelight.deeds.declared import is_older
from safelight.domain.declaration import Declaration
from safelight.domain.errors import ImageBusy, WrongState
from safelight.domain.events import Action, Origin
from safelight.domain.geometry import Size, plan
from safelight.domain.image import BYTES_OWED, Image, Rendition, State
from safelight.domain.kind import Kind
from safelight.domain.variant import Variant
from safelight.domain.who import SYSTEM
from safelight.ports.clock import Clock
from safelight.ports.object_store import ObjectStore
from safelight.ports.records import Records
from safelight.ports.renderer import Renderer
from safelight.ports.signals import Signals
from safelight.upkeep.render import remove_renditions, render_variants
from safelight.upkeep.sides import storing

Form = tuple[str, str, str, int]
"""What tells one rendition of an image from another: variant, fingerprint, format and width in pixels."""


class Which(StrEnum):
    """Which variants of an image to render again."""

    STALE = "stale"
    """Those whose declaration changed since, and those that are missing."""
    MISSING = "missing"
    """Those that were declared since."""
    ALL = "all"


def variants_to_render(image: Image, stored: Collection[Rendition], kind: Kind, which: Which) -> frozenset[str]:
    """Return the names of the variants to render: none for an image that is not ready."""
    if image.state is not State.READY or image.verified is None:
        return frozenset()
    if which is Which.ALL:
        return frozenset(_in_use(kind, stored))
    if which is Which.MISSING:
        return frozenset(kind.eager) - {rendition.variant for rendition in stored}
    return _lacking(image, stored, kind)


async def reprocess_image(
    image: Image,
    which: Which,
    *,
    kind: Kind,
    records: Records,
    objects: ObjectStore,
    renderer: Renderer,
    signals: Signals,
    clock: Clock,
) -> int:
    """Render what `which` asks for, swap it in all at once, and return how many renditions that were.

    The image stays ready and shows its old renditions until then. Those, and renditions that the kind does not declare
    any more, are retired: the sweep removes them when no URL leads there any more. What was owed of it by then is
    settled, unless only missing variants were asked for. Neither is done where another process has declared the kind
    otherwise meanwhile.

    Raises WrongState where the image is not ready, or another worker took it; ImageBusy where it is being moved or
    cleared; ObjectMissing where its original was not kept; ObjectChanged where the original is not the file that was
    verified; ImageRejected.
    """
    if image.state is not State.READY:
        raise WrongState(image_id=image.id, state=image.state)
    async with records.reading() as snapshot:
        wanted = variants_to_render(image, await snapshot.renditions(image.id), kind, which)
    made: list[Rendition] = []
    if wanted:
        if image.clear_due_at is not None:
            raise ImageBusy(image_id=image.id)
        async with records.transaction() as tx:  # the attempt alone fences: a ready image needs no lease
            taken = await tx.take(image, now=State.READY, lease_until=clock.now())
        if taken is None:
            raise WrongState(image_id=image.id, state="taken by another worker")
        image = taken
    try:
        async with storing(image, records=records, clock=clock):
            if wanted:
                made += await render_variants(image, wanted, kind=kind, objects=objects, renderer=renderer)
            await _swap(image, which, made, kind, records, clock)
    except WrongState as lost:
        if lost.state in BYTES_OWED:  # it may have been purged before the last of them was stored
            await remove_renditions(made, image, objects)
        raise
    await signals.changed(image.id)
    return len(made)


async def _swap(  # noqa: PLR0917 - what is swapped, and the world it happens in
    image: Image, which: Which, made: Collection[Rendition], kind: Kind, records: Records, clock: Clock
) -> None:
    """Note what was made, and retire what it took the place of, all at once."""
    now = clock.now()
    async with records.transaction() as tx:
        await tx.drop_renditions(image.id, made)  # of an equal recipe the size in bytes may differ all the same
        for rendition in made:
            await tx.add_rendition(rendition, attempt=image.attempt)
        is_ours = not await is_older(Declaration.of(kind), tx)
        if is_ours:
            await tx.retire_renditions(image.id, _stale(image, await tx.renditions(image.id), kind), at=now)
        if is_ours and image.reprocess_wanted_at is not None and which is not Which.MISSING:
            await tx.settle_reprocess(image.id, wanted_at=image.reprocess_wanted_at)
        await tx.audit(Origin(SYSTEM).event(Action.REPROCESSED, at=now, image=image, result=f"{len(made)} made"))


def _stale(image: Image, stored: Sequence[Rendition], kind: Kind) -> list[Rendition]:
    """Return what is stored of variants that are declared no more, or whose present form is stored as well."""
    unfinished = _lacking(image, stored, kind)
    planned = _planned(image, stored, kind)
    return [r for r in stored if r.variant not in unfinished and _form(r) not in planned]


def _lacking(image: Image, stored: Collection[Rendition], kind: Kind) -> frozenset[str]:
    """Return the names of the variants of which something is not stored as it is declared now."""
    return frozenset(name for name, *_ in _planned(image, stored, kind) - {_form(rendition) for rendition in stored})


def _planned(image: Image, stored: Collection[Rendition], kind: Kind) -> set[Form]:
    """Return every rendition that the kind plans for the image now."""
    if image.verified is None:
        return set()
    size = Size(image.verified.width, image.verified.height)
    variants = _in_use(kind, stored)
    return {(p.variant, variants[p.variant].fingerprint, p.format, p.size.width) for p in plan(variants, size)}


def _in_use(kind: Kind, stored: Collection[Rendition]) -> Mapping[str, Variant]:
    """Return the variants that the image is to have: all that are not lazy, and those that were asked for."""
    asked_for = {rendition.variant for rendition in stored}
    return {name: variant for name, variant in kind.variants.items() if not variant.lazy or name in asked_for}


def _form(rendition: Rendition) -> Form:
    return (rendition.variant, rendition.fingerprint, rendition.format, rendition.width)
