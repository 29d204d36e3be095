"""Step 6 for readers: which rendition, and where."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from safelight.domain import keys
from safelight.domain.errors import ImageGone, ImageNotReady, SafelightError, UnknownVariant
from safelight.domain.formats import OutputFormat
from safelight.domain.image import BYTES_OWED, SHOWN, Image, Rendition, State
from safelight.journey.deliver import Wish, choose, show_variant
from safelight.testing.samples import rendition

BUCKET = timedelta(minutes=5)
AVIF, WEBP, JPEG = OutputFormat.AVIF, OutputFormat.WEBP, OutputFormat.JPEG


async def show(stage: Any, image: Image, wish: Wish) -> str:
    return await show_variant(
        image,
        wish,
        kinds=stage.kinds,
        records=stage.records,
        signer=stage.signer,
        clock=stage.clock,
        bucket=BUCKET,
    )


async def with_thumb(stage: Any, state: State = State.READY, **changes: object) -> Image:
    """Return an image with a stored thumb, in a state that it came to later."""
    image: Image = await stage.image_in(State.PROCESSING, **changes)
    async with stage.records.transaction() as tx:
        await tx.add_rendition(rendition(image.id, "thumb"), attempt=1)
        return image if state is State.PROCESSING else await tx.move(image.id, was=image.state, now=state)


async def test_a_public_rendition_has_a_direct_url(stage: Any):
    image = await with_thumb(stage)

    url = await show(stage, image, Wish("thumb", [WEBP]))

    assert url == f"https://cdn.example/public/{image.id}/thumb-0123456789abcdef-96.webp"


async def test_a_protected_rendition_has_a_signed_url_that_ends(stage: Any):
    image = await with_thumb(stage, public=False)

    url = urlsplit(await show(stage, image, Wish("thumb", [WEBP])))

    claims = stage.tokens.verify_download(parse_qs(url.query)["token"][0], now=stage.clock.now())
    assert url.path == f"/{claims.key}" == f"/{keys.rendition(rendition(image.id), public=False)}"
    assert BUCKET <= claims.expires_at - stage.clock.now() <= 2 * BUCKET


async def test_signed_urls_are_equal_within_a_bucket_and_differ_after_it(stage: Any):
    image = await with_thumb(stage, public=False)
    urls = []

    for _ in range(10):
        urls.append(await show(stage, image, Wish("thumb", [WEBP])))
        stage.clock.advance(BUCKET / 5)

    assert 2 <= len(set(urls)) <= 3
    assert urls == sorted(urls, key=urls.index)


@pytest.mark.parametrize("state", [State.UPLOADED, State.PROCESSING, State.READY, State.FAILED])
async def test_what_is_stored_shows_as_soon_as_it_is_stored(stage: Any, state: State):
    image = await with_thumb(stage, state)

    assert state in SHOWN
    assert "thumb" in await show(stage, image, Wish("thumb", [WEBP]))


@pytest.mark.parametrize("state", sorted(BYTES_OWED))
async def test_what_is_gone_is_gone(stage: Any, state: State):
    image = await stage.image_in(state)

    with pytest.raises(ImageGone):
        await show(stage, image, Wish("thumb", [WEBP]))


async def test_a_held_image_shows_nothing_yet(stage: Any):
    image = await with_thumb(stage, State.HELD)

    with pytest.raises(ImageNotReady):
        await show(stage, image, Wish("thumb", [WEBP]))


@pytest.mark.parametrize(
    ("wish", "error", "said"),
    [
        (Wish("wide", [WEBP]), ImageNotReady, "nothing to show for this variant yet"),
        (Wish("poster", [WEBP]), UnknownVariant, "has: thumb, wide"),
        (Wish("wide", [AVIF]), UnknownVariant, "no variant 'wide as avif'. It has: wide as webp or jpeg"),
    ],
)
async def test_waiting_is_advised_only_where_it_can_help(
    stage: Any, wish: Wish, error: type[SafelightError], said: str
):
    image = await with_thumb(stage)

    with pytest.raises(error) as caught:
        await show(stage, image, wish)

    assert said in str(caught.value)


def stored(*forms: tuple[OutputFormat, int]) -> list[Rendition]:
    image = "0" * 32
    return [rendition(image, "hero", format=fmt, width=width) for fmt, width in forms]  # type: ignore[arg-type]  # any id


@pytest.mark.parametrize(
    ("formats", "width", "expected"),
    [
        ([WEBP], None, (WEBP, 1600)),
        ([WEBP], 1, (WEBP, 480)),
        ([WEBP], 480, (WEBP, 480)),
        ([WEBP], 481, (WEBP, 1600)),
        ([WEBP], 9999, (WEBP, 1600)),
        ([AVIF, JPEG], None, (JPEG, 1600)),
        ([JPEG, WEBP], 500, (JPEG, 1600)),
        ([AVIF], None, None),
    ],
)
def test_the_best_liked_format_and_the_smallest_that_is_wide_enough(
    formats: Sequence[OutputFormat], width: int | None, expected: tuple[OutputFormat, int] | None
):
    some = stored((WEBP, 1600), (WEBP, 480), (JPEG, 1600), (JPEG, 480))

    chosen = choose(some, Wish("hero", formats, width))

    assert (chosen and (chosen.format, chosen.width)) == expected
