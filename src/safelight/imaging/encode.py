"""Files from pixels, by Pillow's codecs: faster builds than those that come with libvips. No metadata goes in."""

from collections.abc import Mapping
from io import BytesIO
from typing import Any

from safelight.domain.formats import OutputFormat
from safelight.domain.variant import DEFAULT_QUALITY, Variant
from safelight.imaging.color import WITH_ALPHA
from safelight.imaging.picture import picture_of
from safelight.imaging.work import Image, Work
from safelight.ports.renderer import Rendered

OPTIONS: Mapping[OutputFormat, Mapping[str, Any]] = {
    OutputFormat.WEBP: {"method": 2},
    OutputFormat.AVIF: {"speed": 9, "subsampling": "4:2:0", "max_threads": 1},
    OutputFormat.JPEG: {"optimize": True, "progressive": True, "subsampling": "4:2:0"},
    OutputFormat.PNG: {},
}
"""How hard each encoder tries. Measured against time, bytes and SSIMULACRA 2: docs/decisions/0003."""

OPAQUE_FORMATS = {OutputFormat.JPEG}
"""What cannot be transparent is laid on the variant's background."""


def encode_renditions(work: Work) -> None:
    """Finish one rendition after the other, small ones first, and tell of each."""
    for planned in work.planned:
        variant = work.recipe.variants[planned.variant]
        content = encode(work.cut[planned.variant, planned.size], planned.format, variant)
        work.tell(Rendered(planned.variant, planned.format, planned.size.width, planned.size.height, content))


def encode(pixels: Image, fmt: OutputFormat, variant: Variant) -> bytes:
    """Return the file of a rendition."""
    if pixels.bands == WITH_ALPHA and fmt in OPAQUE_FORMATS:
        pixels = pixels.flatten(background=list(bytes.fromhex(variant.background.removeprefix("#"))))
    quality = variant.quality.get(fmt, DEFAULT_QUALITY.get(fmt))
    options = OPTIONS[fmt] if quality is None else {**OPTIONS[fmt], "quality": quality}
    file = BytesIO()
    picture_of(pixels).save(file, fmt.value, **options)
    return file.getvalue()
