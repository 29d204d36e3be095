"""Odd and hostile files through the real sandbox: each ends as it should, and hides nothing in what is published."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from io import BytesIO

import PIL.Image
import pytest
import pytest_asyncio

from safelight.domain.errors import ImageRejected, Reason
from safelight.domain.formats import InputFormat
from safelight.domain.variant import cover, fit
from safelight.ports.renderer import Inspected, Recipe, Rendered
from safelight.testing import corpus
from safelight.testing.corpus import OddFile
from safelight.worker.child import Ending
from safelight.worker.renderer import SandboxRenderer

pytestmark = pytest.mark.asyncio(loop_scope="module")

RECIPE = Recipe(
    tuple(InputFormat),
    max_pixels=50_000_000,
    max_frames=300,
    variants={
        "whole": fit(corpus.WIDTH, formats="png webp avif jpeg"),
        "thumb": cover(40, 40, formats="png jpeg", background="#00ff00"),
    },
)
RENDITIONS = 6

WORN = 6
"""How far, of 255, a colour may be off after two lossy codecs."""

MOST_BYTES_OF_A_REFUSAL = 64 << 20
MOST_SECONDS_OF_A_REFUSAL = 0.5
"""Refusing by the header takes 10 ms; decoding 900 megapixels takes many seconds."""


@dataclass
class Sandbox:
    """A renderer, and how its children ended."""

    renderer: SandboxRenderer
    endings: list[Ending] = field(default_factory=list)

    async def render(self, file: OddFile, recipe: Recipe = RECIPE) -> tuple[Inspected, list[Rendered]]:
        self.endings.clear()
        parts = [part async for part in self.renderer.render(_pieces(file.content), recipe)]
        (inspected,) = (part for part in parts if isinstance(part, Inspected))
        return inspected, [part for part in parts if isinstance(part, Rendered)]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def sandbox() -> AsyncIterator[Sandbox]:
    endings: list[Ending] = []
    async with SandboxRenderer(
        slots=1,
        render_timeout=timedelta(seconds=30),
        render_cpu=timedelta(seconds=10),
        render_memory_bytes=1 << 28,
        max_rendition_bytes=1 << 22,
        on_end=endings.append,
    ) as renderer:
        yield Sandbox(renderer, endings)


def each(files: Iterable[OddFile]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("file", [pytest.param(file, id=file.name) for file in files])


@each(corpus.odd_files())
async def test_an_odd_file_shows_the_picture_the_right_way_up(sandbox: Sandbox, file: OddFile) -> None:
    inspected, renditions = await sandbox.render(file)

    assert (inspected.width, inspected.height) == (corpus.WIDTH, corpus.HEIGHT)
    assert file.format in {None, inspected.format}
    assert len(renditions) == RENDITIONS
    for rendition in renditions:
        assert _corners(_opened(rendition)) == pytest.approx(file.colors, abs=WORN)


@each([*corpus.odd_files(), *corpus.see_through_files(), *corpus.swollen_files()])
async def test_no_rendition_carries_anything_but_pixels(sandbox: Sandbox, file: OddFile) -> None:
    _, renditions = await sandbox.render(file)

    for rendition in renditions:
        assert corpus.MARKER not in rendition.content
        assert not {"exif", "icc_profile", "xmp", "comment", "Comment"} & _opened(rendition).info.keys()
        assert not _opened(rendition).getexif()


@each(corpus.see_through_files())
async def test_transparency_stays_and_is_the_background_in_jpeg(sandbox: Sandbox, file: OddFile) -> None:
    _, renditions = await sandbox.render(file)

    for rendition in renditions:
        image = _opened(rendition)
        below = image.getpixel((image.width // 4, image.height * 3 // 4))
        if rendition.format == "jpeg":
            background = (0, 255, 0) if rendition.variant == "thumb" else (255, 255, 255)
            assert below == pytest.approx(background, abs=WORN)
        else:
            assert image.mode == "RGBA"
            assert isinstance(below, tuple)
            assert below[3] == 0


@each(corpus.slim_files())
async def test_an_image_of_one_pixel_across_is_an_image(sandbox: Sandbox, file: OddFile) -> None:
    _, renditions = await sandbox.render(file)

    for rendition in renditions:
        image = _opened(rendition).convert("RGB")
        assert min(image.size) == 1
        assert image.getpixel((0, 0)) == pytest.approx(corpus.RED, abs=WORN)


@each(corpus.swollen_files())
async def test_compressed_baggage_is_not_unpacked(sandbox: Sandbox, file: OddFile) -> None:
    await sandbox.render(file)
    await sandbox.renderer.drain()

    assert sandbox.endings[0].ended.peak_bytes < MOST_BYTES_OF_A_REFUSAL


@each(corpus.hostile_files())
async def test_a_hostile_file_is_refused_for_the_right_reason(sandbox: Sandbox, file: OddFile) -> None:
    with pytest.raises(ImageRejected) as rejected:
        await sandbox.render(file)

    assert rejected.value.reason in file.expected


@each(corpus.hostile_files())
async def test_a_hostile_file_kills_no_child_and_is_refused_at_once(sandbox: Sandbox, file: OddFile) -> None:
    with pytest.raises(ImageRejected):
        await sandbox.render(file)
    await sandbox.renderer.drain()

    for ending in sandbox.endings:
        assert ending.cause in {"exited", "unwanted"}
        assert ending.ended.peak_bytes < MOST_BYTES_OF_A_REFUSAL
        assert ending.ended.cpu_seconds < MOST_SECONDS_OF_A_REFUSAL


async def test_a_type_that_the_kind_does_not_accept_is_refused(sandbox: Sandbox) -> None:
    png = OddFile("plain.png", corpus.save(corpus.picture(), "PNG"))
    only_jpeg = Recipe((InputFormat.JPEG,), max_pixels=50_000_000, max_frames=300)

    with pytest.raises(ImageRejected) as rejected:
        await sandbox.render(png, only_jpeg)

    assert rejected.value.reason is Reason.TYPE_NOT_ACCEPTED


async def test_the_sandbox_outlives_all_of_it(sandbox: Sandbox) -> None:
    (zygote,) = sandbox.renderer.zygotes

    for file in corpus.hostile_files():
        with pytest.raises(ImageRejected):
            await sandbox.render(file)

    assert sandbox.renderer.zygotes == [zygote]


async def _pieces(content: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(content), 1 << 16):
        yield content[start : start + (1 << 16)]
        await asyncio.sleep(0)


def _opened(rendition: Rendered) -> PIL.Image.Image:
    image = PIL.Image.open(BytesIO(rendition.content))
    image.load()
    return image


def _corners(image: PIL.Image.Image) -> list[int]:
    """Return the colours in the middle of the four quarters, one band after the other."""
    shown = image.convert("RGB")
    places = [(shown.width * x // 8, shown.height * y // 8) for y in (1, 7) for x in (1, 7)]
    return [band for place in places for band in _color(shown, place)]


def _color(image: PIL.Image.Image, place: tuple[int, int]) -> tuple[int, ...]:
    color = image.getpixel(place)
    assert isinstance(color, tuple)
    return color
