"""6 FINALIZE, for pages: the URLs of many images at once, from one query."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from safelight.domain import keys
from safelight.domain.formats import OutputFormat
from safelight.domain.image import Image, ImageId, Rendition, State
from safelight.domain.kind import Kinds
from safelight.domain.report import RenditionReport, VariantReport
from safelight.domain.tokens import ShowClaims, Tokens
from safelight.domain.urls import Links, signed_until
from safelight.domain.wish import Wish, choose
from safelight.ports.clock import Clock
from safelight.ports.object_store import Signer
from safelight.ports.records import Records


@dataclass(frozen=True, slots=True)
class Gallery:
    """What a page wants to show: these variants of these images, `formats` in order of liking, as wide as that."""

    image_ids: Collection[ImageId]
    variants: Collection[str]
    formats: Sequence[OutputFormat]
    width: int | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """One image of a page. The URLs of a protected one are good until `expires_at`."""

    image: Image
    variants: Mapping[str, VariantReport]
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Sources:
    """What URLs are built from. Signed ones are equal for everyone within a `bucket`."""

    kinds: Kinds
    signer: Signer
    tokens: Tokens
    links: Links
    bucket: timedelta


async def show_many(
    wanted: Gallery,
    *,
    may_see: Callable[[Image], Awaitable[bool]],
    records: Records,
    sources: Sources,
    clock: Clock,
) -> Mapping[ImageId, Shown]:
    """Return, of the images that exist and may be seen, the URLs of what is stored; a variant without any is left out.

    `url` of a variant is that of the rendition that suits best. A lazy variant that nobody asked for yet has a link
    instead that renders it: of a protected image with one signature over image, variant and end.
    """
    async with records.glance() as snapshot:
        found = await snapshot.shown(wanted.image_ids, wanted.variants)
    urls = _Urls(wanted, sources, clock.now())
    shown = [one for one in found.values() if one[0].is_shown]
    seen = await asyncio.gather(*(may_see(image) for image, _ in shown))
    return {image.id: urls.of(image, renditions) for (image, renditions), may in zip(shown, seen, strict=True) if may}


class _Urls:
    """Builds the URLs of one page, all at one moment."""

    def __init__(self, wanted: Gallery, sources: Sources, now: datetime) -> None:
        self._wanted = wanted
        self._from = sources
        self._now = now

    def of(self, image: Image, renditions: Sequence[Rendition]) -> Shown:
        """Return the URLs of one image."""
        until = None if image.public else signed_until(image.id, now=self._now, bucket=self._from.bucket)
        variants = {}
        for variant in self._wanted.variants:
            stored = [one for one in renditions if one.variant == variant]
            report = self._stored(image, variant, stored, until) or self._lazy(image, variant, until)
            if report is not None:
                variants[variant] = report
        return Shown(image, variants, until)

    def _stored(
        self, image: Image, variant: str, stored: Sequence[Rendition], until: datetime | None
    ) -> VariantReport | None:
        chosen = choose(stored, Wish(variant, self._wanted.formats, self._wanted.width))
        if chosen is None:
            return None
        reports = [RenditionReport(r.format, r.width, r.height, r.bytes, self._url(image, r, until)) for r in stored]
        return VariantReport(self._url(image, chosen, until), reports)

    def _lazy(self, image: Image, variant: str, until: datetime | None) -> VariantReport | None:
        declared = self._from.kinds[image.kind].variants.get(variant) if image.kind in self._from.kinds else None
        if declared is None or not declared.lazy or image.state is not State.READY:
            return None
        url = self._from.links.variant(image, variant)
        if until is not None:
            claims = ShowClaims(image.id, variant, image.token_generation, until)
            url = f"{url}?token={self._from.tokens.sign_show(claims)}"
        return VariantReport(url, [])

    def _url(self, image: Image, rendition: Rendition, until: datetime | None) -> str:
        key = keys.rendition(rendition, public=image.public)
        return (
            self._from.signer.public_url(key)
            if until is None
            else self._from.signer.sign_download(key, expires_at=until)
        )
