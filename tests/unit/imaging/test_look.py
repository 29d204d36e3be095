"""The dominant colour and the placeholder."""

import base64
import math

import pytest

from safelight.domain.geometry import Size
from safelight.imaging import thumbhash
from safelight.imaging.look import UNSEEN, dominant_color
from safelight.imaging.work import Tiny

RED, GREEN = (200, 30, 30), (30, 160, 30)


def tiny(width: int, height: int, *colors: tuple[int, ...]) -> Tiny:
    """Return an image of vertical stripes."""
    row = [(*colors[x * len(colors) // width], 255)[:4] for x in range(width)]
    return Tiny(Size(width, height), *(bytes(band) for band in zip(*(row * height), strict=True)))


def test_the_commonest_colour_is_dominant_and_not_the_mean() -> None:
    assert dominant_color(tiny(30, 10, RED, RED, GREEN)) == "#c81e1e"


def test_shades_count_together() -> None:
    assert dominant_color(tiny(30, 10, (200, 30, 30), (204, 28, 26), GREEN)) == "#ca1d1c"


def test_what_is_transparent_has_no_colour() -> None:
    assert dominant_color(tiny(30, 10, (*GREEN, 0), (*GREEN, 0), RED)) == "#c81e1e"
    assert dominant_color(tiny(30, 10, (*GREEN, 0))) == UNSEEN


def mean_of(placeholder: bytes) -> tuple[int, ...]:
    """Return the mean colour that a ThumbHash holds in its first three bytes, as its readers reckon it."""
    head = int.from_bytes(placeholder[:3], "little")
    light, yellow, red = (head & 63) / 63, (head >> 6 & 63) / 31.5 - 1, (head >> 12 & 63) / 31.5 - 1
    b = light - 2 / 3 * yellow
    r = (3 * light - b + red) / 2
    return tuple(round(255 * min(1, max(0, band))) for band in (r, r - red, b))


def waves_of(placeholder: bytes) -> list[int]:
    """Return the waves of an opaque hash, 0 to 15: those of L, then of P, then of Q."""
    return [nibble for byte in placeholder[5:] for nibble in (byte & 15, byte >> 4)]


@pytest.mark.parametrize("color", [RED, GREEN, (0, 0, 0), (255, 255, 255), (120, 130, 200)])
def test_a_plain_image_has_its_colour_for_a_mean_and_no_waves(color: tuple[int, int, int]) -> None:
    placeholder = thumbhash.encode(tiny(32, 32, color))

    assert mean_of(placeholder) == pytest.approx(color, abs=10)
    assert int.from_bytes(placeholder[:3], "little") >> 18 & 31 == 0


def test_light_and_shade_make_the_first_wave() -> None:
    """White left, black right: the strongest wave of L is the one that goes once across, at its most."""
    waves = waves_of(thumbhash.encode(tiny(32, 32, (255, 255, 255), (0, 0, 0))))
    mirrored = waves_of(thumbhash.encode(tiny(32, 32, (0, 0, 0), (255, 255, 255))))

    assert waves[0] == 15
    assert mirrored[0] == 0


@pytest.mark.parametrize(("width", "height", "landscape"), [(32, 16, 1), (16, 32, 0), (32, 1, 1), (1, 32, 0)])
def test_the_shape_is_kept(width: int, height: int, landscape: int) -> None:
    shape = int.from_bytes(thumbhash.encode(tiny(width, height, RED))[3:5], "little")

    shorter = max(1, math.floor(7 * min(width, height) / max(width, height) + 0.5))
    assert shape >> 15 == landscape
    assert shape & 7 == shorter


def test_transparency_is_noted_and_hides_colours() -> None:
    hidden = thumbhash.encode(tiny(32, 32, (255, 0, 255, 0), (*RED, 255)))

    assert int.from_bytes(hidden[:3], "little") >> 23 == 1
    assert mean_of(bytes([*hidden[:2], hidden[2] & 0x7F])) == pytest.approx(RED, abs=10)


def test_a_hash_is_small_enough_for_a_record() -> None:
    assert len(base64.b64encode(thumbhash.encode(tiny(32, 32, RED, (*GREEN, 9))))) <= 40
