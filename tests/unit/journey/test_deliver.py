"""Step 6 for readers: which rendition, and where."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from safelight.adapters.signals.local import LocalSignals
from safelight.domain import keys
from safelight.domain.errors import ImageGone, ImageNotReady, SafelightError, UnknownVariant
from safelight.domain.formats import OutputFormat
from safelight.domain.image import BYTES_OWED, SHOWN, Image, ImageId, Rendition, State
from safelight.domain.jobs import RenderVariant
from safelight.domain.kind import Kind, Kinds
from safelight.domain.variant import cover, fit
from safelight.domain.wish import Wish, choose
from safelight.journey.deliver import Patience, show_variant
from safelight.ports.records import Changes
from safelight.testing.samples import rendition

BUCKET = timedelta(minutes=5)
AVIF, WEBP, JPEG = OutputFormat.AVIF, OutputFormat.WEBP, OutputFormat.JPEG
ZOOM = fit(900, formats="webp", lazy=True)


async def show(stage: Any, image: Image, wish: Wish) -> str:
    url = await show_variant(
        image,
        wish,
        kinds=stage.kinds,
        records=stage.records,
        signer=stage.signer,
        signals=stage.signals,
        clock=stage.clock,
        patience=Patience(BUCKET, timedelta(seconds=10)),
    )
    assert url is not None
    return url


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


LAZY = Kinds([Kind("avatar", public=True, variants={"thumb": cover(96, 96, formats="webp"), "zoom": ZOOM})])


class Worker:
    """Does what the worker does when a reader waits for it: `ports.signals.Signals` whose waiter lets it work."""

    def __init__(self, stage: Any, *, made: bool) -> None:
        self._stage = stage
        self._made = made
        self.waits = 0

    @asynccontextmanager
    async def waiter(self, image_id: ImageId) -> AsyncIterator["Worker"]:
        self._image_id = image_id
        yield self

    async def wait(self, at_most: timedelta) -> bool:
        """Store the variant, or let the time pass."""
        self.waits += 1
        if not self._made:
            self._stage.clock.advance(at_most)
            return False
        async with self._stage.records.transaction() as tx:
            zoomed = rendition(self._image_id, "zoom", fingerprint=ZOOM.fingerprint, width=900)
            await tx.add_rendition(zoomed, attempt=1)
        return True


async def ask_for_zoom(stage: Any, image: Image, signals: Any, formats: Sequence[OutputFormat] = (WEBP,)) -> str | None:
    return await show_variant(
        image,
        Wish("zoom", formats),
        kinds=LAZY,
        records=stage.records,
        signer=stage.signer,
        signals=signals,
        clock=stage.clock,
        patience=Patience(BUCKET, timedelta(seconds=10)),
    )


async def kept_image(stage: Any, **changes: object) -> Image:
    """Return a ready image whose original is there."""
    image: Image = await stage.image_in(State.PROCESSING, **changes)
    async with stage.records.transaction() as tx:
        kept = Changes(original_kept=True)
        return await tx.move(image.id, was=State.PROCESSING, now=State.READY, changes=kept)


async def test_a_lazy_variant_is_rendered_when_it_is_asked_for_and_the_reader_waits(stage: Any):
    image, worker = await kept_image(stage), Worker(stage, made=True)

    url = await ask_for_zoom(stage, image, worker)

    assert url == f"https://cdn.example/public/{image.id}/zoom-{ZOOM.fingerprint}-900.webp"
    assert stage.queued() == [RenderVariant(image.id, "zoom")]


async def test_a_lazy_variant_that_is_there_is_not_rendered_again(stage: Any):
    image, worker = await kept_image(stage), Worker(stage, made=True)
    await ask_for_zoom(stage, image, worker)
    stage.jobs.queued.clear()

    assert await ask_for_zoom(stage, image, worker)
    assert (stage.queued(), worker.waits) == ([], 1)


async def test_a_reader_waits_no_longer_than_is_allowed(stage: Any):
    image, worker = await kept_image(stage), Worker(stage, made=False)
    asked_at = stage.clock.now()

    assert await ask_for_zoom(stage, image, worker) is None
    assert stage.clock.now() - asked_at == timedelta(seconds=10)


async def test_where_too_many_wait_the_variant_is_rendered_all_the_same(stage: Any):
    image = await kept_image(stage)

    assert await ask_for_zoom(stage, image, LocalSignals(max_waiters=0)) is None
    assert stage.queued() == [RenderVariant(image.id, "zoom")]


async def test_only_the_declared_formats_are_ever_rendered(stage: Any):
    image = await kept_image(stage)

    with pytest.raises(UnknownVariant):
        await ask_for_zoom(stage, image, Worker(stage, made=True), [AVIF])
    assert stage.queued() == []


@pytest.mark.parametrize("changes", [{"hidden": True}, {}])
async def test_nothing_is_rendered_of_what_is_hidden_or_has_no_original(stage: Any, changes: dict[str, object]):
    image = await kept_image(stage, **changes) if changes else await stage.image_in(State.READY)

    with pytest.raises(ImageNotReady):
        await ask_for_zoom(stage, image, Worker(stage, made=True))
    assert stage.queued() == []


async def test_of_a_held_image_the_application_alone_sees_anything(stage: Any):
    image = await with_thumb(stage, State.HELD, public=False, hidden=True)

    with pytest.raises(ImageNotReady):
        await show(stage, image, Wish("thumb", [WEBP]))
    url = await show(stage, image, Wish("thumb", [WEBP], by_application=True))

    assert urlsplit(url).path == f"/{keys.rendition(rendition(image.id), public=False)}"


@pytest.mark.parametrize("state", [State.PROCESSING, State.FAILED])
async def test_a_hidden_image_that_is_not_held_is_shown_to_nobody(stage: Any, state: State):
    image = await with_thumb(stage, state, public=False, hidden=True)

    with pytest.raises(ImageNotReady):
        await show(stage, image, Wish("thumb", [WEBP], by_application=True))
