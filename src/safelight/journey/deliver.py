"""6 FINALIZE, for readers: choose the rendition that suits, and say where it is."""

from dataclasses import dataclass
from datetime import timedelta

from safelight.domain import keys
from safelight.domain.errors import Busy, ImageGone, ImageNotReady, UnknownVariant
from safelight.domain.image import BYTES_OWED, Image, Rendition, State
from safelight.domain.jobs import RenderVariant
from safelight.domain.kind import Kinds
from safelight.domain.urls import signed_until
from safelight.domain.variant import Variant
from safelight.domain.wish import Wish, choose
from safelight.ports.clock import Clock
from safelight.ports.object_store import Signer
from safelight.ports.records import Records
from safelight.ports.signals import Signals


@dataclass(frozen=True, slots=True)
class Patience:
    """How long signed URLs are equal for everyone, and how long a reader waits for a lazy variant."""

    bucket: timedelta
    lazy_wait: timedelta


async def show_variant(
    image: Image,
    wish: Wish,
    *,
    kinds: Kinds,
    records: Records,
    signer: Signer,
    signals: Signals,
    clock: Clock,
    patience: Patience,
) -> str | None:
    """Return the URL of the rendition that suits the wish; None where it is being rendered, and was not ready in time.

    A public one has a direct URL; a protected one gets a signed URL, equal for everyone within its time bucket. A lazy
    variant is rendered when it is first asked for. Of a held image the application alone sees anything.

    Raises ImageGone, ImageNotReady, UnknownVariant.
    """
    if image.state in BYTES_OWED:
        raise ImageGone(image_id=image.id, state=image.state)
    reader = _Reader(image, wish, records)
    chosen = await reader.best() if image.is_shown_to(application=wish.by_application) else None
    if chosen is None:
        declared = _declared(image, wish, kinds)
        if not (declared.lazy and image.state is State.READY and image.original_kept and image.is_shown):
            raise ImageNotReady(image_id=image.id, state=image.state)
        chosen = await _rendered(reader, signals, clock, patience.lazy_wait)
    return None if chosen is None else _url(image, chosen, signer, clock, patience.bucket)


@dataclass(frozen=True, slots=True)
class _Reader:
    """Who wants to see what."""

    image: Image
    wish: Wish
    records: Records

    async def best(self) -> Rendition | None:
        """Return the best of what is stored by now."""
        async with self.records.glance() as snapshot:
            stored = await snapshot.renditions(self.image.id)
        return choose([one for one in stored if one.variant == self.wish.variant], self.wish)

    async def ask(self) -> None:
        """Have the variant rendered. While that is under way, it is not queued again."""
        async with self.records.transaction() as tx:
            await tx.enqueue(RenderVariant(self.image.id, self.wish.variant))


def _url(image: Image, rendition: Rendition, signer: Signer, clock: Clock, bucket: timedelta) -> str:
    key = keys.rendition(rendition, public=image.public)
    if image.public:
        return signer.public_url(key)
    return signer.sign_download(key, expires_at=signed_until(image.id, now=clock.now(), bucket=bucket))


async def _rendered(reader: _Reader, signals: Signals, clock: Clock, at_most: timedelta) -> Rendition | None:
    """Let the variant be rendered, and wait for it; None where it takes longer, or too many wait already."""
    until = clock.now() + at_most
    try:
        async with signals.waiter(reader.image.id) as waiter:
            await reader.ask()
            news = True
            while news:
                chosen = await reader.best()
                left = until - clock.now()
                if chosen is not None or left <= timedelta(0):
                    return chosen
                news = await waiter.wait(left)
    except Busy:
        await reader.ask()
    return await reader.best()


def _declared(image: Image, wish: Wish, kinds: Kinds) -> Variant:
    """Return the variant. Raises UnknownVariant where the kind makes no such, or not in these formats."""
    variants = kinds[image.kind].variants
    if wish.variant not in variants:
        raise UnknownVariant(kind=image.kind, variant=wish.variant, known=", ".join(variants))
    declared = variants[wish.variant]
    if not set(wish.formats) & set(declared.formats):
        asked = f"{wish.variant} as {' or '.join(wish.formats)}"
        raise UnknownVariant(kind=image.kind, variant=asked, known=f"{wish.variant} as {' or '.join(declared.formats)}")
    return declared
