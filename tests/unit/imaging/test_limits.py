"""What is too much, at the very edge of it."""

import pytest

from safelight.domain.errors import ImageRejected, Reason
from safelight.domain.formats import InputFormat
from safelight.imaging.pipeline import render
from safelight.imaging.work import Header, Part
from safelight.ports.renderer import Recipe
from safelight.testing import corpus, crafted


def told_with(content: bytes, *, max_pixels: int = 10_000, max_frames: int = 10) -> list[Part]:
    told: list[Part] = []
    render(content, Recipe(tuple(InputFormat), max_pixels, max_frames), told.append)
    return told


def reason_with(content: bytes, *, max_pixels: int = 10_000, max_frames: int = 10) -> Reason:
    with pytest.raises(ImageRejected) as rejected:
        told_with(content, max_pixels=max_pixels, max_frames=max_frames)
    return rejected.value.reason


@pytest.mark.parametrize("fmt", ["JPEG", "PNG", "WEBP", "GIF", "AVIF", "TIFF"])
def test_as_many_pixels_as_allowed_are_taken_and_not_one_more(fmt: str) -> None:
    content = corpus.save(corpus.picture(100, 100), fmt)

    assert isinstance(told_with(content, max_pixels=10_000)[0], Header)
    assert reason_with(content, max_pixels=9_999) is Reason.TOO_MANY_PIXELS


@pytest.mark.parametrize("fmt", ["GIF", "WEBP"])
def test_as_many_frames_as_allowed_are_taken_and_not_one_more(fmt: str) -> None:
    two = corpus.save(corpus.picture(), fmt, save_all=True, append_images=[corpus.stored_as(3)])
    content = crafted.gif_with_frames(two, 10) if fmt == "GIF" else crafted.webp_with_frames(two, 10)

    header = told_with(content, max_frames=10)[0]

    assert isinstance(header, Header)
    assert header.frames == 10
    assert reason_with(content, max_frames=9) is Reason.TOO_MANY_FRAMES


def test_only_the_first_frame_counts_against_the_pixels() -> None:
    two = corpus.save(corpus.picture(100, 100), "GIF", save_all=True, append_images=[corpus.see_through()])

    assert told_with(crafted.gif_with_frames(two, 9), max_pixels=10_000)


def test_the_header_is_told_before_a_pixel_is_read() -> None:
    """A file that is cut off right behind its header still says how large it would be."""
    content = crafted.png(50, 50, bytes(10))
    told: list[Part] = []

    with pytest.raises(ImageRejected):
        render(content, Recipe(tuple(InputFormat), 10_000, 1), told.append)

    assert [type(part) for part in told] == [Header]
