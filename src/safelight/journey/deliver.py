"""6 FINALIZE, for readers: choose the rendition that suits, and say where it is."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from safelight.domain import keys
from safelight.domain.errors import ImageGone, ImageNotReady, UnknownVariant
from safelight.domain.formats import OutputFormat
from safelight.domain.image import BYTES_OWED, Image, Rendition
from safelight.domain.kind import Kinds
from safelight.domain.urls import signed_until
from safelight.ports.clock import Clock
from safelight.ports.object_store import Signer
from safelight.ports.records import Records


@dataclass(frozen=True, slots=True)
class Wish:
    """What a reader wants to see: formats in order of liking, and the width in pixels that it has room for."""

    variant: str
    formats: Sequence[OutputFormat]
    width: int | None = None


async def show_variant(
    image: Image,
    wish: Wish,
    *,
    kinds: Kinds,
    records: Records,
    signer: Signer,
    clock: Clock,
    bucket: timedelta,
) -> str:
    """Return the URL of the rendition that suits the wish.

    A public one has a direct URL; a protected one gets a signed URL, equal for everyone within its time bucket.
    Raises ImageGone, ImageNotReady, UnknownVariant.
    """
    if image.state in BYTES_OWED:
        raise ImageGone(image_id=image.id, state=image.state)
    async with records.reading() as snapshot:
        stored = [r for r in await snapshot.renditions(image.id) if r.variant == wish.variant]
    chosen = choose(stored, wish) if image.is_shown else None
    if chosen is None:
        _see_that_it_is_declared(image, wish, kinds)
        raise ImageNotReady(image_id=image.id, state=image.state)

    key = keys.rendition(chosen, public=image.public)
    if image.public:
        return signer.public_url(key)
    return signer.sign_download(key, expires_at=signed_until(image.id, now=clock.now(), bucket=bucket))


def choose(stored: Sequence[Rendition], wish: Wish) -> Rendition | None:
    """Return the best of what is stored: the best liked format; of it the smallest wide enough, or else the widest."""
    for fmt in wish.formats:
        fitting = sorted((r for r in stored if r.format == fmt), key=lambda r: r.width)
        if fitting:
            wide_enough = [r for r in fitting if wish.width is not None and r.width >= wish.width]
            return (wide_enough or fitting[-1:])[0]
    return None


def _see_that_it_is_declared(image: Image, wish: Wish, kinds: Kinds) -> None:
    """Raise UnknownVariant where waiting cannot help: the kind makes no such variant, or not in these formats."""
    declared = kinds[image.kind].variants
    if wish.variant not in declared:
        raise UnknownVariant(kind=image.kind, variant=wish.variant, known=", ".join(declared))
    formats = declared[wish.variant].formats
    if not set(wish.formats) & set(formats):
        asked = f"{wish.variant} as {' or '.join(wish.formats)}"
        raise UnknownVariant(kind=image.kind, variant=asked, known=f"{wish.variant} as {' or '.join(formats)}")
