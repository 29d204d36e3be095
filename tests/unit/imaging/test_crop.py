"""Where a box is laid."""

from collections.abc import Callable

import PIL.Image
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safelight.domain.variant import cover
from safelight.imaging.crop import offset
from safelight.testing import corpus

SKIN = (224, 172, 140)


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=32), st.integers(1, 5000), st.data())
def test_a_box_never_leaves_the_image(interest: list[float], edge: int, data: st.DataObject) -> None:
    window = data.draw(st.integers(1, edge))

    assert 0 <= offset(interest, edge, window) <= edge - window


@given(st.integers(1, 5000), st.data())
def test_where_everything_is_alike_the_middle_is_shown(edge: int, data: st.DataObject) -> None:
    window = data.draw(st.integers(1, edge))

    for interest in (1.0, 0.0):
        left = offset([interest] * 32, edge, window)
        assert abs(left - (edge - window - left)) <= 1


@pytest.mark.parametrize(("place", "expected"), [(0, 0), (31, 300)])
def test_a_box_goes_to_what_is_of_interest(place: int, expected: int) -> None:
    interest = [0.1] * 32
    interest[place] = 10.0

    assert offset(interest, 400, 100) == expected


@pytest.mark.parametrize("left", [0, 220])
def test_a_face_is_in_the_crop(files_of: Callable[..., dict[str, PIL.Image.Image]], left: int) -> None:
    image = PIL.Image.new("RGB", (300, 100), (90, 100, 120))
    image.paste(SKIN, (left + 10, 20, left + 70, 90))

    crop = files_of(corpus.save(image, "PNG"), thumb=cover(80, 80, formats="png"))["thumb.png"]

    skin = sum(count for count, color in crop.getcolors(10_000) if color == pytest.approx(SKIN, abs=5))
    assert crop.size == (80, 80)
    assert skin > 0.9 * 48 * 56


def test_a_box_of_the_images_own_shape_shows_all_of_it(files_of: Callable[..., dict[str, PIL.Image.Image]]) -> None:
    image = files_of(corpus.save(corpus.picture(), "PNG"), thumb=cover(60, 40, formats="png"))["thumb.png"]

    assert [image.getpixel(place) for place in ((0, 0), (59, 0), (0, 39), (59, 39))] == [
        corpus.RED,
        corpus.GREEN,
        corpus.BLUE,
        corpus.YELLOW,
    ]
