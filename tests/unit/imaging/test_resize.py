"""Sizes that are exact, and edges that stay clean."""

from collections.abc import Callable

import PIL.Image
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safelight.domain.formats import InputFormat, OutputFormat
from safelight.domain.geometry import Planned, Size
from safelight.domain.variant import Fit, cover, fit
from safelight.imaging.load import OPENERS
from safelight.imaging.resize import shrink, whole
from safelight.imaging.work import Image
from safelight.testing import corpus

edges = st.integers(1, 400)
sizes = st.builds(Size, edges, edges)


@settings(max_examples=50)
@given(source=sizes, data=st.data())
def test_the_size_is_exactly_the_one_that_was_asked_for(source: Size, data: st.DataObject) -> None:
    target = Size(data.draw(st.integers(1, source.width)), data.draw(st.integers(1, source.height)))
    image = OPENERS[InputFormat.PNG](corpus.save(PIL.Image.new("RGB", source), "PNG")).decode(1.0)

    smaller = shrink(image, target)

    assert (smaller.width, smaller.height) == target


@given(st.builds(Size, st.integers(1, 60_000), st.integers(1, 60_000)), st.integers(1, 2000), st.integers(1, 2000))
def test_a_whole_image_covers_its_box_and_touches_it(source: Size, width: int, height: int) -> None:
    box = Size(min(width, source.width), min(height, source.height))

    size = whole(Planned("thumb", OutputFormat.PNG, box), Fit.COVER, source)

    assert size.width >= box.width
    assert size.height >= box.height
    assert size.width == box.width or size.height == box.height


def test_hidden_colours_do_not_bleed_into_what_is_seen(vips_image: Callable[..., Image]) -> None:
    """Magenta under full transparency must not tint the white beside it."""
    image = PIL.Image.new("RGBA", (100, 100), (255, 255, 255, 255))
    image.paste((255, 0, 255, 0), (0, 0, 50, 100))

    small = shrink(vips_image(image), Size(9, 9)).write_to_memory()
    pixels = [tuple(bytes(small)[at : at + 4]) for at in range(0, 9 * 9 * 4, 4)]

    assert {pixel[:3] for pixel in pixels if pixel[3] > 20} == {(255, 255, 255)}


@pytest.mark.parametrize("fmt", ["JPEG", "WEBP"])
def test_a_shrinking_decoder_leaves_the_rest_to_the_resizing(fmt: str) -> None:
    opened = OPENERS[InputFormat(fmt.lower())](corpus.save(corpus.picture(1000, 800), fmt))

    for scale in (1.0, 0.6, 0.5, 0.3, 0.1, 0.01):
        decoded = opened.decode(scale)
        assert decoded.width >= min(1000, 2 * 1000 * scale)

    assert opened.decode(0.01).width < 200


def test_every_size_is_made_and_nothing_is_enlarged(files_of: Callable[..., dict[str, PIL.Image.Image]]) -> None:
    content = corpus.save(corpus.picture(300, 200), "PNG")

    files = files_of(content, wide=fit(widths=[50, 150, 900], formats="png"), box=cover(400, 50, formats="jpeg"))

    assert files["box.jpeg"].size == (300, 38)
    assert files["wide.png"].size == (300, 200)
