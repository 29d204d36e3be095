"""Loads the image libraries and shuts off all of them that is not used. Runs no pipeline, so that fork() stays safe."""

import importlib

import PIL.Image
import pyvips

from safelight.imaging import heic

LOADERS = (
    "jpegload_buffer",
    "pngload_buffer",
    "webpload_buffer",
    "gifload_buffer",
    "heifload_buffer",
    "tiffload_buffer",
)
"""The only loaders that may run. Each is called by its name; nothing is ever guessed from the content."""

LOADER_CLASSES = ("JpegBuffer", "PngBuffer", "WebpBuffer", "NsgifBuffer", "HeifBuffer", "TiffBuffer")
"""The same, as libvips calls their classes; heif is for AVIF."""

OPERATIONS = (
    *LOADERS,
    *("autorot", "cast", "colourspace", "copy", "crop", "extract_band", "flatten", "icc_transform", "min"),
    *("premultiply", "resize", "round", "unpremultiply"),
)
"""Operations that the pipeline uses; looked up before the fork, so that no child has to."""

PILLOW_PLUGINS = ("JpegImagePlugin", "WebPImagePlugin", "AvifImagePlugin", "PngImagePlugin")
"""Encoders."""


def prepare() -> None:
    """Make this process ready to fork children that render."""
    pyvips.cache_set_max(0)
    pyvips.block_untrusted_set(True)  # noqa: FBT003 - the library's own signature
    pyvips.operation_block_set("VipsForeign", True)  # noqa: FBT003
    for name in LOADER_CLASSES:
        pyvips.operation_block_set(f"VipsForeignLoad{name}", False)  # noqa: FBT003
    for name in OPERATIONS:
        pyvips.Introspect.get(name)
    PIL.Image.preinit()  # what Image.save() would load otherwise, in each child anew
    for name in PILLOW_PLUGINS:
        importlib.import_module(f"PIL.{name}")
    heic.prepare()
