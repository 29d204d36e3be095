"""What the renditions are written as."""

from collections.abc import Callable

import PIL.Image
import pytest

from safelight.domain.variant import fit
from safelight.imaging.work import Part
from safelight.ports.renderer import Rendered
from safelight.testing import corpus

Parts = Callable[..., list[Part]]
Files = Callable[..., dict[str, PIL.Image.Image]]

NOISE = PIL.Image.effect_noise((200, 150), 60).convert("RGB")


def length_of(parts: list[Part]) -> int:
    return sum(len(part.content) for part in parts if isinstance(part, Rendered))


@pytest.mark.parametrize("fmt", ["webp", "avif", "jpeg"])
def test_a_lower_quality_makes_a_smaller_file(parts_of: Parts, fmt: str) -> None:
    content = corpus.save(NOISE, "PNG")

    low, usual, high = (
        length_of(parts_of(content, hero=fit(200, formats=fmt, quality=quality)))
        for quality in ({fmt: 20}, None, {fmt: 95})
    )

    assert low < usual < high


def test_jpeg_is_progressive(files_of: Files) -> None:
    jpeg = files_of(corpus.save(NOISE, "PNG"), hero=fit(200, formats="jpeg"))["hero.jpeg"]

    assert jpeg.info["progressive"]


def test_png_loses_nothing(files_of: Files) -> None:
    png = files_of(corpus.save(NOISE, "PNG"), hero=fit(200, formats="png"))["hero.png"]

    assert png.tobytes() == NOISE.tobytes()


def test_alpha_that_hides_nothing_is_dropped(files_of: Files) -> None:
    png = files_of(corpus.save(NOISE.convert("RGBA"), "PNG"), hero=fit(200, formats="png"))["hero.png"]

    assert png.mode == "RGB"


def test_one_image_makes_the_same_bytes_every_time(parts_of: Parts) -> None:
    content = corpus.save(NOISE, "JPEG")
    variants = {"hero": fit(widths=[50, 150], formats="webp avif jpeg png")}

    assert parts_of(content, **variants) == parts_of(content, **variants)
