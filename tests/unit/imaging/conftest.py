"""Pixels in this process: the libraries as the zygote sets them up."""

from collections.abc import Callable
from io import BytesIO

import PIL.Image
import pytest
import pyvips

from safelight.domain.formats import InputFormat
from safelight.domain.variant import Variant
from safelight.imaging import engine
from safelight.imaging.pipeline import render
from safelight.imaging.work import Image, Part
from safelight.ports.renderer import Recipe, Rendered


@pytest.fixture(scope="session", autouse=True)
def _engine() -> None:
    engine.prepare()


@pytest.fixture
def parts_of() -> Callable[..., list[Part]]:
    """Renders bytes with the variants given."""

    def parts(content: bytes, **variants: Variant) -> list[Part]:
        told: list[Part] = []
        render(content, Recipe(tuple(InputFormat), 1_000_000, 10, variants), told.append)
        return told

    return parts


@pytest.fixture
def files_of(parts_of: Callable[..., list[Part]]) -> Callable[..., dict[str, PIL.Image.Image]]:
    """Renders bytes, and opens the renditions: by variant and format, as in `hero.webp`."""

    def files(content: bytes, **variants: Variant) -> dict[str, PIL.Image.Image]:
        rendered = [part for part in parts_of(content, **variants) if isinstance(part, Rendered)]
        return {f"{part.variant}.{part.format}": PIL.Image.open(BytesIO(part.content)) for part in rendered}

    return files


@pytest.fixture
def vips_image() -> Callable[[PIL.Image.Image], Image]:
    """Turns a Pillow image into one of libvips."""

    def turned(image: PIL.Image.Image) -> Image:
        bands = len(image.getbands())
        flat = pyvips.Image.new_from_memory(image.tobytes(), image.width, image.height, bands, "uchar")
        return flat.copy(interpretation="srgb")

    return turned
