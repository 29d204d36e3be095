"""Files to upload: parts of a real photograph, each with a patch of its own colour, so that none is taken for another.

Every tenth is no image, and some are the whole photograph, which takes a worker a hundred times as long.
"""

import io
from dataclasses import dataclass
from pathlib import Path

import PIL.Image

PHOTO = Path(__file__).parents[2] / "src/safelight/cli/dandelions.jpg"

Color = tuple[int, int, int]

EVERY_NO_IMAGE = 10
EVERY_WHOLE_PHOTO = 40
EDGE_PX = 900
NEAR = 16
"""How far a colour may be off after JPEG and WebP."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A file, and the colour in its middle; None where that is not known."""

    content: bytes
    is_image: bool = True
    color: Color | None = None


class Pictures:
    """Makes a different file for every number."""

    def __init__(self) -> None:
        self._whole = PHOTO.read_bytes()
        with PIL.Image.open(PHOTO) as photo:
            self._photo = photo.convert("RGB").resize((2400, 1800), reducing_gap=2.0)

    def make(self, number: int) -> Picture:
        """Return the file of this number."""
        if number % EVERY_NO_IMAGE == EVERY_NO_IMAGE - 1:
            return Picture(b"<html>" + f"{number:08}".encode() * 800, is_image=False)
        if number % EVERY_WHOLE_PHOTO == EVERY_WHOLE_PHOTO - 2:
            return Picture(self._whole + f"{number:08}".encode())  # what follows the end of a JPEG is passed over
        color = _color(number)
        left, top = number * 37 % (2400 - EDGE_PX), number * 53 % (1800 - EDGE_PX)
        part = self._photo.crop((left, top, left + EDGE_PX, top + EDGE_PX))
        part.paste(color, (EDGE_PX // 3, EDGE_PX // 3, 2 * EDGE_PX // 3, 2 * EDGE_PX // 3))
        file = io.BytesIO()
        part.save(file, "JPEG", quality=85)
        return Picture(file.getvalue(), color=color)


def shows(content: bytes, picture: Picture) -> bool:
    """Whether a rendition is one of that picture."""
    if picture.color is None:
        return True
    with PIL.Image.open(io.BytesIO(content)) as image:
        middle = image.convert("RGB").getpixel((image.width // 2, image.height // 2))
    assert isinstance(middle, tuple)
    return all(abs(is_ - was) <= NEAR for is_, was in zip(middle, picture.color, strict=True))


def _color(number: int) -> Color:
    """Return one of 512 colours that are far apart; neighbours in number are not in colour."""
    step = number * 199 % 512
    return 16 + step % 8 * 32, 16 + step // 8 % 8 * 32, 16 + step // 64 * 32
