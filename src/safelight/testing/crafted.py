"""Parts of image files made by hand: what no encoder would write."""

import struct
import zlib

GAMMA_2_2 = 0x0233
"""2.2 as an unsigned 8.8 fixed-point number, as curves of ICC profiles have it."""

DISPLAY_P3 = {"rXYZ": (0.5151, 0.2412, -0.0011), "gXYZ": (0.2920, 0.6922, 0.0419), "bXYZ": (0.1571, 0.0666, 0.7841)}
"""Primaries of Display P3, adapted to D50."""

D50 = (0.9642, 1.0, 0.8249)

PNG_MAGIC = b"\x89PNG\r\n\x1a\n"


def png(width: int, height: int, rows: bytes, *, depth: int = 8, colors: int = 2, extra: bytes = b"") -> bytes:
    """Return a PNG of filtered `rows`; `colors` is PNG's colour type, `extra` are chunks before the pixels."""
    header = struct.pack(">IIBBBBB", width, height, depth, colors, 0, 0, 0)
    parts = [png_chunk(b"IHDR", header), extra, png_chunk(b"IDAT", zlib.compress(rows)), png_chunk(b"IEND", b"")]
    return PNG_MAGIC + b"".join(parts)


def png_chunk(name: bytes, body: bytes) -> bytes:
    """Return a chunk with the right checksum."""
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def tiff(width: int, height: int, pixels: bytes) -> bytes:
    """Return an uncompressed grey TIFF of one strip."""
    tags = (
        (256, width),
        (257, height),
        (258, 8),  # bits of a sample
        (259, 1),  # no compression
        (262, 1),  # zero is black
        (273, 8 + 2 + 9 * 12 + 4),  # where the strip begins: after this directory
        (277, 1),  # samples of a pixel
        (278, height),  # rows of the strip
        (279, len(pixels)),
    )
    long = 4
    directory = b"".join(struct.pack("<HHII", tag, long, 1, value) for tag, value in tags)
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + directory + struct.pack("<I", 0) + pixels


def icc_profile(description: bytes = b"Wide", primaries: dict[str, tuple[float, float, float]] = DISPLAY_P3) -> bytes:
    """Return an RGB display profile, version 2, of gamma 2.2."""
    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, GAMMA_2_2)
    text = b"desc\0\0\0\0" + struct.pack(">I", len(description) + 1) + description + b"\0" + bytes(78)
    tags = {
        "desc": text,
        "cprt": b"text\0\0\0\0none\0",
        "wtpt": _xyz(D50),
        **{name: _xyz(values) for name, values in primaries.items()},
        **dict.fromkeys(("rTRC", "gTRC", "bTRC"), curve),
    }
    bodies = {name: body + bytes(-len(body) % 4) for name, body in tags.items()}
    at = 128 + 4 + 12 * len(bodies)
    table = b""
    for name, body in bodies.items():
        table += struct.pack(">4sII", name.encode(), at, len(tags[name]))
        at += len(body)
    head = struct.pack(">I4xI4s4s4s12x4s", at, 0x02100000, b"mntr", b"RGB ", b"XYZ ", b"acsp")
    illuminant = b"".join(_fixed(value) for value in D50)
    return (
        (head.ljust(68, b"\0") + illuminant).ljust(128, b"\0")
        + struct.pack(">I", len(tags))
        + table
        + b"".join(bodies.values())
    )


def jpeg_with_size(jpeg: bytes, width: int, height: int) -> bytes:
    """Return a JPEG whose frame header claims another size."""
    at = next(at for at in range(len(jpeg)) if jpeg[at : at + 2] in {b"\xff\xc0", b"\xff\xc2"})
    return jpeg[: at + 5] + struct.pack(">HH", height, width) + jpeg[at + 9 :]


def jpeg_with_segment(jpeg: bytes, marker: int, body: bytes) -> bytes:
    """Return a JPEG with one more segment right after its beginning."""
    return jpeg[:2] + bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body + jpeg[2:]


def jpeg_with_scans(progressive: bytes, times: int) -> bytes:
    """Return a progressive JPEG that says its last scan over and over: little to send, much to decode."""
    last = progressive.rindex(b"\xff\xda")
    scan = progressive[last:-2]
    return progressive[:-2] + scan * times + progressive[-2:]


def gif_with_size(gif: bytes, width: int, height: int) -> bytes:
    """Return a GIF whose screen and first frame claim another size."""
    size = struct.pack("<HH", width, height)
    frame = gif.index(b"\x2c", 13 + 3 * 2 ** ((gif[10] & 7) + 1))
    return gif[:6] + size + gif[10 : frame + 5] + size + gif[frame + 9 :]


def gif_with_frames(gif: bytes, frames: int) -> bytes:
    """Return an animated GIF that says its last frame over and over."""
    last = gif.rindex(b"\x21\xf9\x04")
    return gif[:last] + gif[last:-1] * (frames - 1) + gif[-1:]


def webp_with_frames(webp: bytes, frames: int) -> bytes:
    """Return an animated WebP that says its last frame over and over."""
    last = webp.rindex(b"ANMF")
    chunks = webp[8:last] + webp[last:] * (frames - 1)
    return b"RIFF" + struct.pack("<I", len(chunks)) + chunks


def webp_with_size(lossless: bytes, width: int, height: int) -> bytes:
    """Return a lossless WebP that claims another size."""
    rest = int.from_bytes(lossless[21:25], "little") >> 28 << 28
    return lossless[:21] + (width - 1 | height - 1 << 14 | rest).to_bytes(4, "little") + lossless[25:]


def heif_with_size(heif: bytes, width: int, height: int) -> bytes:
    """Return an AVIF or HEIC whose image size properties claim another size."""
    pieces = heif.split(b"ispe\0\0\0\0")
    return pieces[0] + b"".join(b"ispe\0\0\0\0" + struct.pack(">II", width, height) + piece[8:] for piece in pieces[1:])


def _xyz(values: tuple[float, float, float]) -> bytes:
    return b"XYZ \0\0\0\0" + b"".join(_fixed(value) for value in values)


def _fixed(value: float) -> bytes:
    return struct.pack(">i", round(value * 65536))
