"""Odd and hostile files, made by code: what an upload system must take, and what it must refuse.

    for file in odd_files(): ...        # every one becomes renditions of the same four-coloured picture
    for file in hostile_files(): ...    # every one is refused, for one of the reasons that it expects

Needs Pillow, and pillow-heif for HEIC: for tests, never for what serves requests.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import PIL.Image
import pillow_heif

from safelight.domain.errors import Reason
from safelight.domain.formats import InputFormat
from safelight.testing import crafted

MARKER = b"<script>safelight_was_here()</script>"
"""Hidden in files wherever a file can hide something. It must be in nothing that is published."""

RED, GREEN, BLUE, YELLOW = (200, 30, 30), (30, 160, 30), (30, 30, 200), (230, 220, 40)

WIDTH, HEIGHT = 120, 80

PRINTED = (190, 64, 60, 28, 114, 74, 69, 57, 119, 230, 198, 63)
"""The four colours as a press without a profile prints them: what CMYK becomes when cyan is merely 255 - red."""

FROM_P3 = (220, 0, 0, 0, 164, 0, 24, 24, 210, 233, 221, 0)
"""The four colours in sRGB, when they were meant in the profile of `crafted.icc_profile` (reckoned by LittleCMS)."""

EXIF_ORIENTATION = 0x0112
EXIF_COMMENT = 0x9286
EXIF_GPS = 0x8825

BOMB_EDGE = 30_000
"""900 megapixels: 2.7 GB, in files of a few bytes."""


@dataclass(frozen=True, slots=True)
class OddFile:
    """A file and what has to become of it.

    `expected` are the reasons to reject it; none for a picture to be shown. `colors` are those of its corners: top left
    and right, bottom left and right, one band after the other.
    """

    name: str
    content: bytes
    expected: tuple[Reason, ...] = ()
    format: InputFormat | None = None
    colors: tuple[int, ...] = (*RED, *GREEN, *BLUE, *YELLOW)


def picture(width: int = WIDTH, height: int = HEIGHT) -> PIL.Image.Image:
    """Return four corners in four colours: red, green; blue, yellow."""
    image = PIL.Image.new("RGB", (width, height), RED)
    across, down = width // 2, height // 2
    image.paste(GREEN, (across, 0, width, down))
    image.paste(BLUE, (0, down, across, height))
    image.paste(YELLOW, (across, down, width, height))
    return image


def see_through() -> PIL.Image.Image:
    """Return the picture with its lower half transparent; red and green hide under it."""
    image = picture().convert("RGBA")
    image.paste((255, 0, 255, 0), (0, HEIGHT // 2, WIDTH, HEIGHT))
    return image


def save(image: PIL.Image.Image, fmt: str, **options: Any) -> bytes:
    """Return the file that Pillow writes."""
    file = BytesIO()
    image.save(file, fmt, **options)
    return file.getvalue()


def heic(image: PIL.Image.Image, **options: Any) -> bytes:
    """Return a HEIC file."""
    file = BytesIO()
    pillow_heif.from_pillow(image).save(file, **options)
    return file.getvalue()


def exif(orientation: int = 1) -> bytes:
    """Return EXIF of a photo that tells where it was taken, and has the marker for a comment."""
    tags = PIL.Image.Exif()
    tags[EXIF_ORIENTATION] = orientation
    tags.get_ifd(0x8769)[EXIF_COMMENT] = MARKER
    tags.get_ifd(EXIF_GPS).update({1: "N", 2: (52.0, 31.0, 12.0), 3: "E", 4: (13.0, 24.0, 18.0)})
    return tags.tobytes()


TURNED = {
    2: PIL.Image.Transpose.FLIP_LEFT_RIGHT,
    3: PIL.Image.Transpose.ROTATE_180,
    4: PIL.Image.Transpose.FLIP_TOP_BOTTOM,
    5: PIL.Image.Transpose.TRANSPOSE,
    6: PIL.Image.Transpose.ROTATE_90,
    7: PIL.Image.Transpose.TRANSVERSE,
    8: PIL.Image.Transpose.ROTATE_270,
}
"""How a camera stores the upright picture under each EXIF orientation but 1, which is upright."""


def stored_as(orientation: int) -> PIL.Image.Image:
    """Return the picture as a camera stores it that notes this orientation."""
    turn = TURNED.get(orientation)
    return picture() if turn is None else picture().transpose(turn)


def odd_files() -> Iterator[OddFile]:
    """Yield files that are odd and all show the picture."""
    for fmt in ("JPEG", "PNG", "WEBP", "GIF", "AVIF", "TIFF"):
        yield OddFile(f"plain.{fmt.lower()}", save(picture(), fmt), format=InputFormat(fmt.lower()))
    yield OddFile("plain.heic", heic(picture()), format=InputFormat.HEIC)
    yield from _turned()
    yield from _in_other_colors()
    yield from _with_baggage()
    yield from _moving()


def see_through_files() -> Iterator[OddFile]:
    """Yield files of the picture whose lower half is transparent."""
    for fmt, options in (("PNG", {}), ("WEBP", {"lossless": True}), ("GIF", {}), ("TIFF", {}), ("AVIF", {})):
        yield OddFile(f"see-through.{fmt.lower()}", save(see_through(), fmt, **options))
    yield OddFile("see-through.heic", heic(see_through()))
    palette = see_through().quantize(16, method=PIL.Image.Quantize.FASTOCTREE)
    yield OddFile("see-through-palette.png", save(palette, "PNG"))


def slim_files() -> Iterator[OddFile]:
    """Yield files of one pixel, and of one pixel's width and height."""
    for width, height in ((1, 1), (1, 5000), (5000, 1)):
        for fmt in ("PNG", "JPEG"):
            image = PIL.Image.new("RGB", (width, height), RED)
            yield OddFile(f"{width}x{height}.{fmt.lower()}", save(image, fmt))


def hostile_files() -> Iterator[OddFile]:
    """Yield files that have to be refused."""
    yield OddFile("empty.jpg", b"", (Reason.EMPTY,))
    yield from _no_images()
    yield from _cut_off()
    yield from _spoilt()
    yield from bombs()
    yield from _greedy()


def bombs() -> Iterator[OddFile]:
    """Yield small files whose headers claim more pixels than anybody wants to decode."""
    edge, expected, small = BOMB_EDGE, (Reason.TOO_MANY_PIXELS,), picture()
    yield OddFile("bomb.png", crafted.png(edge, edge, bytes(1000)), expected)
    yield OddFile("bomb.jpg", crafted.jpeg_with_size(save(small, "JPEG"), edge, edge), expected)
    yield OddFile("bomb.gif", crafted.gif_with_size(save(small, "GIF"), edge, edge), expected)
    yield OddFile("bomb.tiff", crafted.tiff(edge, edge, bytes(1000)), expected)
    lossless = save(small, "WEBP", lossless=True)
    yield OddFile("bomb.webp", crafted.webp_with_size(lossless, 16_383, 16_383), expected)
    yield OddFile("bomb.avif", crafted.heif_with_size(save(small, "AVIF"), edge, edge), expected)
    yield OddFile("bomb.heic", crafted.heif_with_size(heic(small), edge, edge), expected)


def _turned() -> Iterator[OddFile]:
    for orientation in range(1, 9):
        content = save(stored_as(orientation), "JPEG", exif=exif(orientation), quality=90)
        yield OddFile(f"orientation-{orientation}.jpg", content)
    for fmt in ("PNG", "WEBP", "TIFF"):
        yield OddFile(f"orientation-6.{fmt.lower()}", save(stored_as(6), fmt, exif=exif(6)))
    yield OddFile("orientation-6.avif", save(stored_as(6), "AVIF", exif=exif(6)))
    yield OddFile("orientation-6.heic", heic(stored_as(6), exif=exif(6)))


def _in_other_colors() -> Iterator[OddFile]:
    yield OddFile("cmyk.jpg", save(picture().convert("CMYK"), "JPEG", quality=90), colors=PRINTED)
    yield OddFile("cmyk.tiff", save(picture().convert("CMYK"), "TIFF"), colors=PRINTED)
    for fmt in ("JPEG", "PNG", "WEBP", "AVIF", "TIFF"):
        wide = save(picture(), fmt, icc_profile=crafted.icc_profile())
        yield OddFile(f"display-p3.{fmt.lower()}", wide, colors=FROM_P3)
    grey = [band for color in (RED, GREEN, BLUE, YELLOW) for band in [_lightness(color)] * 3]
    yield OddFile("grey.jpg", save(picture().convert("L"), "JPEG", quality=90), colors=tuple(grey))
    yield OddFile("grey.heic", heic(picture().convert("L")), colors=tuple(grey))
    yield OddFile("grey-alpha.png", save(picture().convert("LA"), "PNG"), colors=tuple(grey))
    yield OddFile("ycbcr-444.jpg", save(picture(), "JPEG", subsampling=0, quality=95))
    yield OddFile("palette.png", save(picture().quantize(8), "PNG"))
    yield OddFile("opaque-alpha.png", save(picture().convert("RGBA"), "PNG"))
    rows = b"".join(
        b"\0" + b"".join(struct.pack(">H", band * 257) for band in row) for row in _rows(picture().tobytes(), WIDTH * 3)
    )
    yield OddFile("sixteen-bits.png", crafted.png(WIDTH, HEIGHT, rows, depth=16))


def _with_baggage() -> Iterator[OddFile]:
    jpeg = save(picture(), "JPEG", quality=90)
    yield OddFile("progressive.jpg", save(picture(), "JPEG", progressive=True, quality=90))
    yield OddFile("gps-and-comment.jpg", save(picture(), "JPEG", exif=exif(), comment=MARKER, quality=90))
    yield OddFile("page-inside.jpg", crafted.jpeg_with_segment(jpeg, 0xE5, MARKER * 100))
    yield OddFile("page-behind.jpg", jpeg + b"<html>" + MARKER)
    yield OddFile("archive-behind.png", save(picture(), "PNG") + b"PK\x03\x04" + MARKER)
    text = crafted.png_chunk(b"tEXt", b"Comment\0" + MARKER)
    yield OddFile("text-inside.png", crafted.png(WIDTH, HEIGHT, _png_rows(), extra=text))
    yield OddFile("script.gif", save(picture(), "GIF", comment=MARKER))
    yield OddFile("xmp.webp", save(picture(), "WEBP", xmp=MARKER, exif=exif(), quality=90))
    yield OddFile("broken-profile.jpg", save(picture(), "JPEG", icc_profile=MARKER * 20, quality=90))
    grey_profile = crafted.icc_profile(MARKER).replace(b"RGB XYZ ", b"GRAYXYZ ")
    yield OddFile("profile-of-another-space.png", save(picture(), "PNG", icc_profile=grey_profile))


def _lightness(color: tuple[int, int, int]) -> int:
    """Return the grey that Pillow makes of a colour (ITU-R 601-2)."""
    red, green, blue = color
    return (red * 299 + green * 587 + blue * 114) // 1000


def _moving() -> Iterator[OddFile]:
    later = [PIL.Image.new("RGB", (WIDTH, HEIGHT), (shade, 0, 0)) for shade in range(0, 200, 20)]
    for fmt in ("GIF", "WEBP", "PNG", "AVIF"):
        moving = save(picture(), fmt, save_all=True, append_images=later, duration=50)
        yield OddFile(f"moving.{fmt.lower()}", moving)
    yield OddFile("pages.tiff", save(picture(), "TIFF", save_all=True, append_images=later))


def _no_images() -> Iterator[OddFile]:
    for name, content in {
        "page": b"<!doctype html><html><body>" + MARKER,
        "svg": b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><script>1</script></svg>',
        "xml": b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><svg>&a;</svg>',
        "pdf": b"%PDF-1.7\n%%EOF",
        "postscript": b"%!PS-Adobe-3.0 EPSF-3.0",
        "archive": b"PK\x03\x04" + bytes(60),
        "magick": b"push graphic-context\nimage over 0,0 0,0 'https://example.com'\npop graphic-context",
        "bitmap": b"BM" + bytes(60),
        "vips": b"\xb6\xa6\xf2\x08" + bytes(60),
        "csv": b"1,2,3\n4,5,6\n",
        "video": b"\0\0\0\x18ftypisom\0\0\0\0isommp42" + bytes(60),
        "zeros": bytes(1000),
    }.items():
        yield OddFile(f"{name}.jpg", content, (Reason.NOT_AN_IMAGE,))


def _cut_off() -> Iterator[OddFile]:
    noise = PIL.Image.effect_noise((300, 200), 80).convert("RGB")
    whole = {fmt: save(noise, fmt) for fmt in ("JPEG", "PNG", "WEBP", "GIF", "AVIF", "TIFF")}
    whole["HEIC"] = heic(noise)
    whole["progressive.JPEG"] = save(noise, "JPEG", progressive=True)
    for fmt, content in whole.items():
        for percent in (50, 95):
            yield OddFile(
                f"{percent}-percent.{fmt.lower()}", content[: len(content) * percent // 100], (Reason.TRUNCATED,)
            )
    for fmt in ("JPEG", "PNG", "WEBP", "GIF", "AVIF", "TIFF"):
        start = whole[fmt][:20]
        yield OddFile(f"start-only.{fmt.lower()}", start, (Reason.TRUNCATED, Reason.DAMAGED))


def _spoilt() -> Iterator[OddFile]:
    """Yield files that are whole, and wrong inside. What a viewer would show all the same is not among them."""
    expected = (Reason.DAMAGED,)
    content = save(picture(), "PNG")
    middle = content.index(b"IDAT") + 30
    yield OddFile("wrong-middle.png", content[:middle] + bytes(20) + content[middle + 20 :], expected)
    yield OddFile("wrong-pixels.png", crafted.png(WIDTH, HEIGHT, bytes(10)), (Reason.DAMAGED, Reason.TRUNCATED))
    yield OddFile("no-width.png", crafted.png(0, 10, bytes(10)), expected)
    avif = save(picture(), "AVIF")
    at = avif.index(b"mdat") + 10
    yield OddFile("wrong-middle.avif", avif[:at] + bytes(len(avif) - at), expected)
    yield OddFile("no-frame.gif", b"GIF89a\x10\0\x10\0\0\0\0;", (Reason.DAMAGED, Reason.TRUNCATED))
    yield OddFile("circle.tiff", b"II*\0\x08\0\0\0\0\0\x08\0\0\0", expected)
    jpeg = save(picture(), "JPEG")
    yield OddFile("no-tables.jpg", jpeg[:2] + jpeg[jpeg.index(b"\xff\xc0") :], expected)


def _greedy() -> Iterator[OddFile]:
    """Yield small files that want much time or memory."""
    two = [PIL.Image.new("RGB", (8, 8), color) for color in (RED, BLUE)]
    gif = save(two[0], "GIF", save_all=True, append_images=two[1:], duration=10)
    yield OddFile("400-frames.gif", crafted.gif_with_frames(gif, 400), (Reason.TOO_MANY_FRAMES,))
    webp = save(two[0], "WEBP", save_all=True, append_images=two[1:], duration=10)
    yield OddFile("400-frames.webp", crafted.webp_with_frames(webp, 400), (Reason.TOO_MANY_FRAMES,))
    scans = crafted.jpeg_with_scans(save(picture(1000, 1000), "JPEG", progressive=True), 2000)
    yield OddFile("2000-scans.jpg", scans, (Reason.DAMAGED, Reason.UNPROCESSABLE, Reason.TRUNCATED))


def swollen_files() -> Iterator[OddFile]:
    """Yield pictures with compressed baggage of 64 MB, which nobody needs to unpack."""
    swollen = zlib.compress(bytes(64_000_000))
    for name, body in {"iCCP": b"profile\0\0" + swollen, "zTXt": b"Comment\0\0" + swollen}.items():
        extra = crafted.png_chunk(name.encode(), body)
        yield OddFile(f"swollen-{name}.png", crafted.png(WIDTH, HEIGHT, _png_rows(), extra=extra))


def _png_rows() -> bytes:
    return b"".join(b"\0" + row for row in _rows(picture().tobytes(), WIDTH * 3))


def _rows(pixels: bytes, length: int) -> Iterator[bytes]:
    return (pixels[at : at + length] for at in range(0, len(pixels), length))
