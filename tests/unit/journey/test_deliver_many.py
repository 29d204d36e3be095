"""Step 6 for pages: many images, one query, and nothing that may not be seen."""

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import event

from safelight.domain.errors import TokenExpired
from safelight.domain.formats import OutputFormat
from safelight.domain.image import Image, ImageId, State
from safelight.domain.kind import Kind, Kinds
from safelight.domain.tokens import Purpose
from safelight.domain.variant import cover, fit
from safelight.journey.deliver_many import Gallery, Shown, Sources, show_many
from safelight.testing.samples import rendition

WEBP, JPEG = OutputFormat.WEBP, OutputFormat.JPEG
BUCKET = timedelta(minutes=5)
KINDS = Kinds([Kind("avatar", public=True, variants={"thumb": cover(96, 96), "zoom": fit(900, lazy=True)})])


async def an_image(stage: Any, number: int, state: State = State.READY, **changes: object) -> Image:
    image: Image = await stage.image_in(State.PROCESSING, number, **changes)
    async with stage.records.transaction() as tx:
        for width in (96, 192):
            await tx.add_rendition(rendition(image.id, "thumb", width=width), attempt=1)
        return image if state is State.PROCESSING else await tx.move(image.id, was=image.state, now=state)


async def show(stage: Any, *images: Image, variants: tuple[str, ...] = ("thumb",), **more: Any) -> dict[str, Shown]:
    async def may_see(image: Image) -> bool:
        return image.owner != "somebody else"

    return dict(
        await show_many(
            Gallery([*(image.id for image in images), ImageId("f" * 32)], variants, [WEBP, JPEG], **more),
            may_see=may_see,
            records=stage.records,
            sources=Sources(KINDS, stage.signer, stage.tokens, stage.links, BUCKET),
            clock=stage.clock,
        )
    )


async def test_public_images_have_direct_urls_and_protected_ones_signed_urls_that_end(stage: Any):
    public, protected = await an_image(stage, 1), await an_image(stage, 2, public=False)

    shown = await show(stage, public, protected)

    direct, signed = shown[public.id].variants["thumb"], shown[protected.id].variants["thumb"]
    token = parse_qs(urlsplit(signed.url).query)["token"][0]
    until = stage.tokens.verify_download(token, now=stage.clock.now()).expires_at
    assert direct.url == f"https://cdn.example/public/{public.id}/thumb-0123456789abcdef-192.webp"
    assert (shown[public.id].expires_at, shown[protected.id].expires_at) == (None, until)
    assert [one.width for one in signed.renditions] == [96, 192]


async def test_of_a_room_the_smallest_that_fills_it_is_shown(stage: Any):
    image = await an_image(stage, 1)

    assert (await show(stage, image, width=90))[image.id].variants["thumb"].url.endswith("-96.webp")


async def test_signed_urls_are_equal_within_their_time(stage: Any):
    image = await an_image(stage, 1, public=False)

    first = await show(stage, image)
    stage.clock.advance(timedelta(seconds=1))

    assert await show(stage, image) == first


@pytest.mark.parametrize("state", [State.HELD, State.REJECTED, State.DELETED])
async def test_what_is_not_to_be_seen_is_left_out(stage: Any, state: State):
    withheld, foreign = await an_image(stage, 1, state), await an_image(stage, 2, owner="somebody else")
    hidden = await an_image(stage, 3, hidden=True)

    assert await show(stage, withheld, foreign, hidden) == {}


async def test_a_lazy_variant_of_a_protected_image_has_one_signature_over_image_variant_and_end(stage: Any):
    image = await an_image(stage, 1, public=False)

    lazy = (await show(stage, image, variants=("zoom", "poster")))[image.id].variants

    url = urlsplit(lazy["zoom"].url)
    token = parse_qs(url.query)["token"][0]
    claims = stage.tokens.verify_show(token, now=stage.clock.now())
    assert url.path == f"/v1/images/{image.id}/variants/zoom"
    assert (claims.image_id, claims.variant, claims.generation) == (image.id, "zoom", 0)
    assert list(lazy) == ["zoom"]
    with pytest.raises(TokenExpired):
        stage.tokens.verify_show(token, now=stage.clock.now() + 2 * BUCKET)


async def test_a_lazy_variant_of_a_public_image_needs_no_signature(stage: Any):
    image = await an_image(stage, 1)

    zoom = (await show(stage, image, variants=("zoom",)))[image.id].variants["zoom"]

    assert (zoom.url, zoom.renditions) == (stage.links.variant(image, "zoom"), [])


async def test_however_many_there_are_it_is_one_query(stage: Any):
    images = [await an_image(stage, number, public=number % 2 == 0) for number in range(20)]
    engine, asked = stage.records._database._readers.sync_engine, []  # noqa: SLF001 - to count what is asked
    event.listen(engine, "before_cursor_execute", lambda _c, _u, statement, *_: asked.append(statement))

    shown = await show(stage, *images, variants=("thumb", "zoom"))

    assert len(shown) == 20
    assert len([one for one in asked if one.startswith("SELECT")]) == 1


def test_a_signature_for_one_purpose_is_none_for_another(stage: Any):
    token = stage.tokens.image_token(Purpose.READ, ImageId("0" * 32), 0)

    with pytest.raises(Exception, match="not valid"):
        stage.tokens.verify_show(token, now=stage.clock.now())
