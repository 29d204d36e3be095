"""Cropping to the shape of a box, around what the eye goes to first."""

from safelight.domain.geometry import Size
from safelight.imaging.resize import whole
from safelight.imaging.work import Image, Work


def cut_to_shape(work: Work) -> None:
    """Cut the whole images to the shapes of the renditions: once for all formats of a size."""
    work.cut = {}
    for planned in work.planned:
        if (planned.variant, planned.size) not in work.cut:
            fit = work.recipe.variants[planned.variant].fit
            image = work.scaled[whole(planned, fit, work.upright)]
            work.cut[planned.variant, planned.size] = crop(image, planned.size)


def crop(image: Image, size: Size) -> Image:
    """Return that much of the image. libvips' attention looks for edges, saturated colours and skin."""
    if (image.width, image.height) == size:
        return image
    return image.smartcrop(size.width, size.height, interesting="attention").copy_memory()
