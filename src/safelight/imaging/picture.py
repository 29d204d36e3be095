"""From libvips to Pillow, whose codecs are faster."""

import PIL.Image

from safelight.imaging.color import WITH_ALPHA
from safelight.imaging.work import Image


def picture_of(image: Image) -> PIL.Image.Image:
    """Return the pixels as a Pillow image: RGB, or RGBA where there is alpha. Nothing but pixels comes along."""
    mode = "RGBA" if image.bands == WITH_ALPHA else "RGB"
    return PIL.Image.frombuffer(mode, (image.width, image.height), image.write_to_memory(), "raw", mode, 0, 1)
