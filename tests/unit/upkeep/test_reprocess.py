"""Rendering again: what is shown stays until the new is there, and then all of it changes at once."""

from collections.abc import Collection
from datetime import timedelta
from typing import Any

import pytest

from safelight.domain import keys
from safelight.domain.errors import ImageBusy, ImageRejected, ObjectChanged, ObjectMissing, Reason, WrongState
from safelight.domain.events import Action
from safelight.domain.formats import InputFormat, OutputFormat
from safelight.domain.geometry import Size, plan
from safelight.domain.image import Image, Rendition, State, Verified
from safelight.domain.jobs import ClearSide
from safelight.domain.kind import Kind
from safelight.domain.variant import Variant, cover, fit
from safelight.ports.records import Changes
from safelight.ports.renderer import Inspected, Rendered
from safelight.testing.fakes import ScriptedRenderer
from safelight.upkeep.owed import owe_reprocess
from safelight.upkeep.reprocess import Which, reprocess_image, variants_to_render
from safelight.upkeep.sides import clear_image
from safelight.upkeep.sweep import sweep_orphans
from safelight.upkeep.visibility import set_visibility

ORIGINAL = b"the original"
SHA = "ab" * 32
SIZE = Size(800, 600)
GRACE = timedelta(hours=1)
INSPECTED = Inspected(InputFormat.JPEG, *SIZE, 1, len(ORIGINAL), SHA)

THUMB, WIDE, POSTER = cover(96, 96, formats="webp"), fit(400, formats="webp"), fit(700, formats="webp")
OLD_THUMB = cover(64, 64, formats="webp")


def declared(**variants: Variant) -> Kind:
    return Kind("avatar", public=True, variants=variants)


OLD = declared(thumb=OLD_THUMB, wide=WIDE)
"""What the image was rendered from."""


def forms(kind: Kind, *, only: Collection[str] | None = None, content: bytes = b"pixels") -> list[Rendered]:
    """Return what rendering the image gives."""
    planned = plan({name: one for name, one in kind.variants.items() if only is None or name in only}, SIZE)
    return [Rendered(p.variant, OutputFormat(p.format), *p.size, content) for p in planned]


async def ready_image(stage: Any, kind: Kind = OLD, *, original: bytes | None = ORIGINAL) -> Image:
    image: Image = await stage.image_in(State.PROCESSING)
    async with stage.records.transaction() as tx:
        verified = Verified("image/jpeg", len(ORIGINAL), SHA, *SIZE, renditions_expected=2)
        await tx.note_verified(image.id, attempt=1, verified=verified, look=None)
        for rendered in forms(kind):
            rendition = rendered.as_rendition(image.id, kind)
            stage.objects.keep(keys.rendition(rendition, public=True), rendered.content)
            await tx.add_rendition(rendition, attempt=1)
        kept = Changes(original_kept=original is not None)
        image = await tx.move(image.id, was=State.PROCESSING, now=State.READY, changes=kept)
    if original is not None:
        stage.objects.keep(keys.original(image.id), original)
    return image


async def reprocess(stage: Any, image: Image, kind: Kind, which: Which = Which.STALE, renderer: Any = None) -> int:
    wanted = variants_to_render(image, await stage.renditions(image.id), kind, which)
    return await reprocess_image(
        image,
        which,
        kind=kind,
        records=stage.records,
        objects=stage.objects,
        renderer=renderer or ScriptedRenderer([INSPECTED, *forms(kind, only=wanted)]),
        signals=stage.signals,
        clock=stage.clock,
    )


async def owed(stage: Any, image: Image) -> Image:
    """Return the image, wanted to be rendered again by now."""
    await owe_reprocess(image, stage.origin, records=stage.records, clock=stage.clock)
    stored: Image = await stage.stored(image.id)
    return stored


async def sweep(stage: Any) -> None:
    await sweep_orphans(records=stage.records, objects=stage.objects, clock=stage.clock, grace=GRACE, batch=10)


async def shown(stage: Any, image: Image) -> set[tuple[str, str]]:
    """Return variant and fingerprint of all that is noted; every one must be stored."""
    noted: list[Rendition] = await stage.renditions(image.id)
    assert {keys.rendition(rendition, public=True) for rendition in noted} <= await stage.keys()
    return {(rendition.variant, rendition.fingerprint) for rendition in noted}


@pytest.mark.parametrize(
    ("kind", "which", "expected"),
    [
        (OLD, Which.STALE, set()),
        (OLD, Which.MISSING, set()),
        (OLD, Which.ALL, {"thumb", "wide"}),
        (declared(thumb=THUMB, wide=WIDE), Which.STALE, {"thumb"}),
        (declared(thumb=THUMB, wide=WIDE), Which.MISSING, set()),
        (declared(thumb=THUMB, wide=WIDE, poster=POSTER), Which.STALE, {"thumb", "poster"}),
        (declared(thumb=THUMB, wide=WIDE, poster=POSTER), Which.MISSING, {"poster"}),
        (declared(wide=WIDE), Which.STALE, set()),
        (declared(wide=fit(400, formats="webp jpeg")), Which.STALE, {"wide"}),
    ],
)
async def test_what_is_rendered_again(stage: Any, kind: Kind, which: Which, expected: set[str]):
    image = await ready_image(stage)

    assert variants_to_render(image, await stage.renditions(image.id), kind, which) == expected


async def test_a_changed_variant_takes_the_place_of_the_old_one(stage: Any):
    image = await ready_image(stage)
    kind = declared(thumb=THUMB, wide=WIDE)

    made = await reprocess(stage, image, kind)

    stored = await stage.stored(image.id)
    assert made == 1
    assert await shown(stage, image) == {("thumb", THUMB.fingerprint), ("wide", WIDE.fingerprint)}
    assert (stored.state, stored.revision > image.revision) == (State.READY, True)
    assert await stage.actions(image.id) == [Action.REPROCESSED]
    assert stage.signals.changed_images == [image.id]


async def test_what_is_shown_no_more_stays_until_no_url_leads_there(stage: Any):
    image = await ready_image(stage)
    stage.clock.advance(timedelta(days=30))
    (old,) = [keys.rendition(one, public=True) for one in await stage.renditions(image.id) if one.variant == "thumb"]
    await reprocess(stage, image, declared(thumb=THUMB, wide=WIDE))
    stage.clock.advance(GRACE)

    await sweep(stage)
    within_grace = await stage.keys()
    stage.clock.advance(timedelta(seconds=1))
    await sweep(stage)

    assert old in within_grace
    assert within_grace - await stage.keys() == {old}
    assert await shown(stage, image) == {("thumb", THUMB.fingerprint), ("wide", WIDE.fingerprint)}


async def test_what_is_declared_again_as_it_was_is_shown_again_and_stays(stage: Any):
    image = await ready_image(stage)
    await reprocess(stage, image, declared(thumb=THUMB, wide=WIDE))

    made = await reprocess(stage, await stage.stored(image.id), OLD)
    stage.clock.advance(timedelta(days=1))
    await sweep(stage)

    assert made == 1
    assert await shown(stage, image) == {("thumb", OLD_THUMB.fingerprint), ("wide", WIDE.fingerprint)}


async def test_what_was_owed_is_settled_by_rendering(stage: Any):
    image = await owed(stage, await ready_image(stage))

    await reprocess(stage, image, declared(thumb=THUMB, wide=WIDE))

    assert (await stage.stored(image.id)).reprocess_wanted_at is None


async def test_what_was_wanted_anew_meanwhile_stays_owed(stage: Any):
    image = await owed(stage, await ready_image(stage))
    stage.clock.advance(timedelta(seconds=1))
    again = await owed(stage, image)

    await reprocess(stage, image, declared(wide=WIDE))

    assert (await stage.stored(image.id)).reprocess_wanted_at == again.reprocess_wanted_at


async def test_rendering_only_what_is_missing_settles_nothing(stage: Any):
    image = await owed(stage, await ready_image(stage))

    await reprocess(stage, image, declared(thumb=THUMB, wide=WIDE), Which.MISSING)

    assert (await stage.stored(image.id)).reprocess_wanted_at is not None


async def test_a_variant_that_is_declared_no_more_is_removed_without_rendering(stage: Any):
    image = await ready_image(stage)
    renderer = ScriptedRenderer([])

    made = await reprocess(stage, image, declared(wide=WIDE), renderer=renderer)

    assert (made, renderer.sources) == (0, [])
    assert await shown(stage, image) == {("wide", WIDE.fingerprint)}


async def test_where_only_missing_ones_are_asked_for_a_changed_one_goes_on_being_shown(stage: Any):
    image = await ready_image(stage)

    await reprocess(stage, image, declared(thumb=THUMB, wide=WIDE, poster=POSTER), Which.MISSING)

    assert await shown(stage, image) == {
        ("thumb", OLD_THUMB.fingerprint),
        ("wide", WIDE.fingerprint),
        ("poster", POSTER.fingerprint),
    }


async def test_what_a_kind_that_changed_between_two_tries_left_behind_is_removed(stage: Any):
    image = await ready_image(stage)
    kind = declared(thumb=THUMB, wide=WIDE)
    for rendered in forms(kind, only={"thumb"}):
        async with stage.records.transaction() as tx:
            rendition = rendered.as_rendition(image.id, kind)
            await tx.add_rendition(rendition, attempt=1)
        stage.objects.keep(keys.rendition(rendition, public=True), rendered.content)

    made = await reprocess(stage, image, kind)

    assert made == 0
    assert await shown(stage, image) == {("thumb", THUMB.fingerprint), ("wide", WIDE.fingerprint)}


async def test_all_is_rendered_again_in_place_and_its_new_size_noted(stage: Any):
    image = await ready_image(stage)
    renderer = ScriptedRenderer([INSPECTED, *forms(OLD, content=b"better pixels")])

    made = await reprocess(stage, image, OLD, Which.ALL, renderer)

    assert made == 2
    assert {rendition.bytes for rendition in await stage.renditions(image.id)} == {len(b"better pixels")}


async def test_until_the_swap_the_old_is_shown_whole(stage: Any):
    image = await ready_image(stage)
    seen = []

    class Looking:
        async def render(self, _source: object, _recipe: object) -> Any:
            for part in (INSPECTED, *forms(declared(thumb=THUMB, wide=WIDE), only={"thumb"})):
                yield part
                seen.append({rendition.fingerprint for rendition in await stage.renditions(image.id)})

    await reprocess(stage, image, declared(thumb=THUMB, wide=WIDE), renderer=Looking())

    assert seen == [{OLD_THUMB.fingerprint, WIDE.fingerprint}] * 2


@pytest.mark.parametrize(
    ("error", "original"),
    [(ImageRejected(Reason.DAMAGED), ORIGINAL), (None, None)],
    ids=["the file", "no original"],
)
async def test_where_it_fails_the_image_stays_as_it_was(stage: Any, error: Exception | None, original: bytes | None):
    image = await ready_image(stage, original=original)
    noted = await stage.renditions(image.id)

    with pytest.raises(type(error) if error else ObjectMissing):
        await reprocess(stage, image, declared(thumb=THUMB), renderer=ScriptedRenderer([INSPECTED, error or INSPECTED]))

    assert (await stage.stored(image.id)).state is State.READY
    assert await stage.renditions(image.id) == noted


async def test_an_original_that_is_not_the_verified_file_is_refused(stage: Any):
    image = await ready_image(stage)
    other = Inspected(InputFormat.JPEG, *SIZE, 1, len(ORIGINAL), "cd" * 32)

    with pytest.raises(ObjectChanged):
        await reprocess(stage, image, declared(thumb=THUMB), renderer=ScriptedRenderer([other]))


@pytest.mark.parametrize("state", sorted(set(State) - {State.READY}))
async def test_only_a_ready_image_is_rendered_again(stage: Any, state: State):
    image = await stage.image_in(state)

    with pytest.raises(WrongState):
        await reprocess(stage, image, declared(poster=POSTER))

    assert await stage.stored(image.id) == image


async def test_of_two_workers_one_renders(stage: Any):
    image = await ready_image(stage)
    async with stage.records.transaction() as tx:
        await tx.take(image, now=State.READY, lease_until=stage.clock.now())

    with pytest.raises(WrongState, match="another worker"):
        await reprocess(stage, image, declared(thumb=THUMB))


async def test_an_image_that_is_deleted_meanwhile_leaves_nothing_behind(stage: Any):
    """Its bytes may have been purged before the last of the new ones was stored."""
    image = await ready_image(stage)
    kind = declared(thumb=THUMB, wide=WIDE)

    class Deleting:
        async def render(self, _source: object, _recipe: object) -> Any:
            async with stage.records.transaction() as tx:
                await tx.move(image.id, was=State.READY, now=State.DELETED)
            for key in await stage.keys():
                await stage.objects.delete(key)
            stage.clock.advance(timedelta(hours=1))
            for part in (INSPECTED, *forms(kind, only={"thumb"})):
                yield part

    with pytest.raises(WrongState, match="deleted"):
        await reprocess(stage, image, kind, renderer=Deleting())

    assert await stage.keys() == set()


LAZILY = declared(thumb=THUMB, zoom=fit(700, formats="webp", lazy=True))


@pytest.mark.parametrize("which", Which)
async def test_a_lazy_variant_that_nobody_asked_for_is_not_rendered(stage: Any, which: Which):
    image = await ready_image(stage, declared(thumb=THUMB))

    wanted = variants_to_render(image, await stage.renditions(image.id), LAZILY, which)

    assert wanted == ({"thumb"} if which is Which.ALL else set())


async def test_a_lazy_variant_that_is_there_is_rendered_again_when_it_is_declared_otherwise(stage: Any):
    image = await ready_image(stage, declared(thumb=THUMB, zoom=fit(600, formats="webp")))

    assert await reprocess(stage, image, LAZILY) == 1

    assert await shown(stage, image) == {(name, one.fingerprint) for name, one in LAZILY.variants.items()}


@pytest.mark.parametrize("error", [None, ImageRejected(Reason.DAMAGED)], ids=["finished", "broken off"])
async def test_an_image_that_is_protected_meanwhile_leaves_nothing_public_behind(stage: Any, error: Exception | None):
    """What it stored too late for the switch to remove it is removed all the same."""
    image = await ready_image(stage)
    kind = declared(thumb=THUMB, wide=WIDE)

    class Protecting:
        async def render(self, _source: object, _recipe: object) -> Any:
            await set_visibility(
                await stage.stored(image.id),
                stage.origin,
                public=False,
                records=stage.records,
                objects=stage.objects,
                signals=stage.signals,
                clock=stage.clock,
            )
            for part in (INSPECTED, *forms(kind, only={"thumb"})):
                yield part
            if error:
                raise error

    with pytest.raises(type(error) if error else WrongState):
        await reprocess(stage, image, kind, renderer=Protecting())
    late = {key for key in await stage.keys() if key.startswith(keys.PUBLIC)}
    await clear_image(image.id, records=stage.records, objects=stage.objects, clock=stage.clock)

    assert late
    assert stage.queued() == [ClearSide(image.id)]
    assert not {key for key in await stage.keys() if key.startswith(keys.PUBLIC)}
    assert {one.variant for one in await stage.renditions(image.id)} == {"thumb", "wide"}


async def test_an_image_that_is_being_cleared_is_not_rendered(stage: Any):
    image = await ready_image(stage)
    async with stage.records.transaction() as tx:
        await tx.sides.owe(image.id, at=stage.clock.now())

    with pytest.raises(ImageBusy):
        await reprocess(stage, await stage.stored(image.id), declared(thumb=THUMB, wide=WIDE))

    assert await shown(stage, image) == {("thumb", OLD_THUMB.fingerprint), ("wide", WIDE.fingerprint)}


async def test_where_another_process_declared_the_kind_otherwise_nothing_is_retired_nor_settled(stage: Any):
    image = await ready_image(stage)
    await owe_reprocess(image, stage.origin, records=stage.records, clock=stage.clock)
    image = await stage.stored(image.id)
    new = declared(thumb=THUMB)
    await stage.outdate(new)

    await reprocess(stage, image, new)

    assert {one.fingerprint for one in await stage.renditions(image.id)} == {
        OLD_THUMB.fingerprint,
        WIDE.fingerprint,
        THUMB.fingerprint,
    }
    assert (await stage.stored(image.id)).reprocess_wanted_at is not None
