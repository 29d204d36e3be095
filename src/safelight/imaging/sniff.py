"""Which format the first bytes are of. Names and declared types are not asked."""

from safelight.domain.errors import ImageRejected, Reason
from safelight.domain.formats import InputFormat
from safelight.imaging.work import Work

MAGIC = (
    (b"\xff\xd8\xff", InputFormat.JPEG),
    (b"\x89PNG\r\n\x1a\n", InputFormat.PNG),
    (b"GIF87a", InputFormat.GIF),
    (b"GIF89a", InputFormat.GIF),
    (b"II*\0", InputFormat.TIFF),
    (b"MM\0*", InputFormat.TIFF),
)

BRANDS = (
    ({b"avif", b"avis"}, InputFormat.AVIF),
    ({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx"}, InputFormat.HEIC),
)
"""Brands of the file type box (ISO/IEC 14496-12). Files of both kinds may call themselves `mif1` first."""

MAX_FILE_TYPE_BYTES = 512
"""Longer than any file type box that names real brands."""


def sniff_format(work: Work) -> None:
    """Find the format. Raises ImageRejected: empty, not_an_image, type_not_accepted."""
    if not work.content:
        raise ImageRejected(Reason.EMPTY)
    found = sniff(work.content)
    if found is None:
        raise ImageRejected(Reason.NOT_AN_IMAGE)
    if found not in work.recipe.accept:
        raise ImageRejected(Reason.TYPE_NOT_ACCEPTED)
    work.format = found


def sniff(content: bytes) -> InputFormat | None:
    """Return the format that the first bytes are of, or None for all others."""
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return InputFormat.WEBP
    if content[4:8] == b"ftyp":
        return _by_brand(content)
    return next((fmt for magic, fmt in MAGIC if content.startswith(magic)), None)


def _by_brand(content: bytes) -> InputFormat | None:
    """Return the format by the major brand, else by the first compatible one that says anything."""
    length = min(int.from_bytes(content[:4], "big"), MAX_FILE_TYPE_BYTES)
    brands = [content[8:12], *(content[start : start + 4] for start in range(16, length - 3, 4))]
    return next((fmt for brand in brands for known, fmt in BRANDS if brand in known), None)
