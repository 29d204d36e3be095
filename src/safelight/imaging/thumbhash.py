"""ThumbHash (evanw.github.io/thumbhash): an image in about 25 bytes, as a few waves of light and colour.

The image is taken apart into lightness L, two colour differences P (yellow-blue) and Q (red-green) and, where anything
is transparent, alpha A; of each the lowest waves of its cosine transform are kept, in four bits each.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from operator import mul

from safelight.domain.geometry import Size
from safelight.imaging.work import Tiny

FULL = 255
LIGHT_WAVES = 7
LIGHT_WAVES_WITH_ALPHA = 5
COLOR_WAVES = 3
ALPHA_WAVES = 5


@dataclass(frozen=True, slots=True)
class Waves:
    """A channel: its mean, its waves scaled to 0..1, and the scale."""

    mean: float
    waves: tuple[float, ...]
    scale: float


def encode(tiny: Tiny) -> bytes:
    """Return the hash of an image of at most 100 x 100 pixels."""
    transparent = min(tiny.alpha) < FULL
    light, yellow, red = _channels(tiny)
    limit = LIGHT_WAVES_WITH_ALPHA if transparent else LIGHT_WAVES
    across, down = (max(1, _round(limit * edge / max(tiny.size))) for edge in tiny.size)
    waves_of = _transform(tiny.size)
    channels = [
        waves_of(light, max(COLOR_WAVES, across), max(COLOR_WAVES, down)),
        waves_of(yellow, COLOR_WAVES, COLOR_WAVES),
        waves_of(red, COLOR_WAVES, COLOR_WAVES),
    ]
    head = _head(channels, landscape=tiny.size.width > tiny.size.height, waves=(across, down), transparent=transparent)
    if transparent:
        alpha = waves_of([alpha / FULL for alpha in tiny.alpha], ALPHA_WAVES, ALPHA_WAVES)
        channels.append(alpha)
        head += bytes([_round(15 * alpha.mean) | _round(15 * alpha.scale) << 4])
    return head + bytes(_nibbles([wave for channel in channels for wave in channel.waves]))


def _channels(tiny: Tiny) -> tuple[list[float], list[float], list[float]]:
    """Return L, P and Q, from 0 to 1."""
    colors = list(zip(*(_over_mean(band, tiny.alpha) for band in (tiny.red, tiny.green, tiny.blue)), strict=True))
    light = [(r + g + b) / (3 * FULL) for r, g, b in colors]
    yellow = [((r + g) / 2 - b) / FULL for r, g, b in colors]
    red = [(r - g) / FULL for r, g, _ in colors]
    return light, yellow, red


def _over_mean(band: bytes, alpha: bytes) -> Sequence[float]:
    """Return the band laid over its own mean where the image is transparent."""
    weight = sum(alpha)
    if weight == FULL * len(alpha):
        return band
    mean = sum(map(mul, band, alpha)) / weight if weight else 0.0
    return [mean + (value - mean) * opacity / FULL for value, opacity in zip(band, alpha, strict=True)]


def _transform(size: Size) -> Callable[[Sequence[float], int, int], Waves]:
    """Return the cosine transform for images of one size: first along the rows, then down the columns."""
    width, height = size
    along = [_cosines(wave, width) for wave in range(LIGHT_WAVES)]
    downward = [_cosines(wave, height) for wave in range(LIGHT_WAVES)]

    def waves_of(channel: Sequence[float], across: int, down: int) -> Waves:
        rows = [channel[start : start + width] for start in range(0, width * height, width)]
        columns = [[sum(map(mul, row, along[x])) for row in rows] for x in range(across)]
        mean, *waves = [sum(map(mul, columns[x], downward[y])) / (width * height) for x, y in _triangle(across, down)]
        scale = max(map(abs, waves), default=0.0)
        return Waves(mean, tuple(0.5 + 0.5 * wave / scale if scale else 0.5 for wave in waves), scale)

    return waves_of


def _cosines(wave: int, length: int) -> list[float]:
    return [math.cos(math.pi / length * wave * (at + 0.5)) for at in range(length)]


def _triangle(across: int, down: int) -> Iterator[tuple[int, int]]:
    """Yield the waves that are kept: the low ones, row by row."""
    for y in range(down):
        x = 0
        while x * down < across * (down - y):
            yield x, y
            x += 1


def _head(channels: Sequence[Waves], *, landscape: bool, waves: tuple[int, int], transparent: bool) -> bytes:
    """Return the five bytes that begin a hash: means and scales, and the shape."""
    light, yellow, red = channels
    across, down = waves
    first = (
        _round(63 * light.mean)
        | _round(31.5 + 31.5 * yellow.mean) << 6
        | _round(31.5 + 31.5 * red.mean) << 12
        | _round(31 * light.scale) << 18
        | transparent << 23
    )
    second = (
        (down if landscape else across) | _round(63 * yellow.scale) << 3 | _round(63 * red.scale) << 9 | landscape << 15
    )
    return first.to_bytes(3, "little") + second.to_bytes(2, "little")


def _nibbles(waves: Sequence[float]) -> Iterator[int]:
    quantised = [_round(15 * wave) for wave in waves]
    quantised += [0] * (len(quantised) % 2)
    return (low | high << 4 for low, high in zip(quantised[0::2], quantised[1::2], strict=True))


def _round(value: float) -> int:
    """Round halves up, as the reference implementation does."""
    return math.floor(value + 0.5)
