"""A lazy variant is rendered once, when it is asked for, and only as its kind declares it."""

from typing import Any

import pytest

from safelight.domain import keys
from safelight.domain.declaration import Declaration
from safelight.domain.errors import ImageRejected, Reason
from safelight.domain.formats import InputFormat, OutputFormat
from safelight.domain.image import Image, Rendition, State, Verified
from safelight.domain.jobs import ClearSide
from safelight.domain.kind import Kind, Kinds
from safelight.domain.variant import cover, fit
from safelight.ports.records import Changes
from safelight.ports.renderer import Inspected, Rendered
from safelight.testing.fakes import ScriptedRenderer
from safelight.upkeep.lazy import render_lazily
from safelight.upkeep.sides import clear_image

ORIGINAL = b"the original"
SHA = "ab" * 32
INSPECTED = Inspected(InputFormat.JPEG, 800, 600, 1, len(ORIGINAL), SHA)
ZOOM = fit(700, formats="webp", lazy=True)
KIND = Kind("avatar", public=True, variants={"thumb": cover(96, 96, formats="webp"), "zoom": ZOOM})
ZOOMED = Rendered("zoom", OutputFormat.WEBP, 700, 525, b"pixels")


def player(*script: Any) -> ScriptedRenderer:
    return ScriptedRenderer([INSPECTED, *(script or (ZOOMED,))])


async def ready_image(stage: Any, state: State = State.READY) -> Image:
    image: Image = await stage.image_in(State.PROCESSING)
    stage.objects.keep(keys.original(image.id), ORIGINAL)
    async with stage.records.transaction() as tx:
        verified = Verified("image/jpeg", len(ORIGINAL), SHA, 800, 600, renditions_expected=1)
        await tx.note_verified(image.id, attempt=1, verified=verified, look=None)
        return await tx.move(image.id, was=State.PROCESSING, now=state, changes=Changes(original_kept=True))


async def render(stage: Any, image: Image, variant: str = "zoom", renderer: Any = None) -> int:
    return await render_lazily(
        image.id,
        variant,
        kinds=Kinds([KIND]),
        records=stage.records,
        objects=stage.objects,
        renderer=renderer or player(),
        signals=stage.signals,
        clock=stage.clock,
    )


async def test_it_is_stored_noted_and_told_to_whoever_waits(stage: Any):
    image, renderer = await ready_image(stage), player()

    assert await render(stage, image, renderer=renderer) == 1

    (made,) = await stage.renditions(image.id)
    assert (made.variant, made.fingerprint, made.width) == ("zoom", ZOOM.fingerprint, 700)
    assert keys.rendition(made, public=True) in await stage.keys()
    assert list(renderer.recipes[0].variants) == ["zoom"]
    assert image.id in stage.signals.changed_images


async def test_it_is_rendered_once(stage: Any):
    image = await ready_image(stage)
    await render(stage, image)
    again = player()

    assert await render(stage, image, renderer=again) == 0
    assert again.recipes == []


@pytest.mark.parametrize("variant", ["thumb", "poster", "../zoom"])
async def test_nothing_is_rendered_that_is_not_declared_lazy(stage: Any, variant: str):
    image, renderer = await ready_image(stage), player()

    assert await render(stage, image, variant, renderer) == 0
    assert renderer.recipes == []


@pytest.mark.parametrize("state", [State.HELD, State.FAILED, State.REJECTED, State.DELETED])
async def test_nothing_is_rendered_of_an_image_that_is_not_ready(stage: Any, state: State):
    image, renderer = await ready_image(stage, state), player()

    assert await render(stage, image, renderer=renderer) == 0
    assert renderer.recipes == []


async def test_nothing_is_rendered_of_an_owner_that_is_blocked(stage: Any):
    image, renderer = await ready_image(stage), player()
    async with stage.records.transaction() as tx:
        await tx.owners.block(image.owner, at=stage.clock.now())

    assert await render(stage, image, renderer=renderer) == 0
    assert renderer.recipes == []


async def test_nothing_is_rendered_until_the_image_is_clear(stage: Any):
    """What is being removed could be the very same."""
    image = await ready_image(stage)
    async with stage.records.transaction() as tx:
        await tx.sides.owe(image.id, at=stage.clock.now())
    before = await render(stage, image)

    await clear_image(image.id, records=stage.records, objects=stage.objects, clock=stage.clock)

    assert (before, await render(stage, image)) == (0, 1)


async def test_what_is_stored_of_an_earlier_declaration_is_retired(stage: Any):
    image = await ready_image(stage)
    async with stage.records.transaction() as tx:
        await tx.add_rendition(Rendition(image.id, "zoom", "0" * 16, "webp", 500, 375, 9), attempt=1)

    await render(stage, image)

    assert [one.fingerprint for one in await stage.renditions(image.id)] == [ZOOM.fingerprint]


class Meddling(ScriptedRenderer):
    """Lets something happen while it renders."""

    def __init__(self, happens: Any) -> None:
        super().__init__([INSPECTED, ZOOMED])
        self._happens = happens

    async def render(self, source: Any, recipe: Any) -> Any:
        async for part in super().render(source, recipe):
            yield part
        await self._happens()


async def test_an_image_that_is_deleted_meanwhile_keeps_nothing(stage: Any):
    image = await ready_image(stage)

    async def delete() -> None:
        async with stage.records.transaction() as tx:
            await tx.move(image.id, was=State.READY, now=State.DELETED)

    assert await render(stage, image, renderer=Meddling(delete)) == 0

    assert await stage.renditions(image.id) == []
    assert not [key for key in await stage.keys() if "zoom" in key]


async def test_an_image_that_moves_to_the_other_side_meanwhile_leaves_nothing_on_this_one(stage: Any):
    image = await ready_image(stage)

    async def protect() -> None:
        async with stage.records.transaction() as tx:
            taken = await tx.take(image, now=State.READY, lease_until=stage.clock.now())
            assert taken is not None
            await tx.set_public(image.id, attempt=taken.attempt, public=False)

    assert await render(stage, image, renderer=Meddling(protect)) == 0
    await clear_image(image.id, records=stage.records, objects=stage.objects, clock=stage.clock)

    assert stage.queued() == [ClearSide(image.id)]
    assert not [key for key in await stage.keys() if key.startswith("public/")]


async def test_a_file_that_cannot_be_rendered_leaves_the_image_as_it_was(stage: Any):
    image = await ready_image(stage)

    with pytest.raises(ImageRejected):
        await render(stage, image, renderer=player(ImageRejected(Reason.UNPROCESSABLE)))

    assert await stage.stored(image.id) == image


async def declare(stage: Any, *kinds: Kind) -> None:
    async with stage.records.transaction() as tx:
        for kind in kinds:
            await tx.declarations.declare(Declaration.of(kind), at=stage.clock.now())


async def test_one_that_another_process_declared_otherwise_later_is_left_to_that(stage: Any):
    image = await ready_image(stage)
    await declare(stage, KIND, Kind("avatar", public=True, variants={**KIND.variants, "zoom": fit(900, lazy=True)}))

    assert await render(stage, image) == 0
    assert await stage.renditions(image.id) == []


async def test_one_that_is_the_same_in_a_newer_kinds_file_is_rendered(stage: Any):
    image = await ready_image(stage)
    await declare(stage, KIND, Kind("avatar", public=True, variants={**KIND.variants, "wide": fit(1600)}))

    assert await render(stage, image) == 1
