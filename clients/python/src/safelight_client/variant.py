"""The stored results of an image's variants, and the HTML that shows them."""

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self
from urllib.parse import urlencode

from safelight_client.errors import UnknownVariant
from safelight_client.reading import Document, documents, required

MODERN = ("avif", "webp")
"""Formats that a `<source>` offers, best first; browsers take the first one that they know."""

PLAIN = ("jpeg", "png")
"""Formats that everything shows."""


@dataclass(frozen=True, slots=True)
class Rendition:
    """One stored file; sizes in pixels."""

    format: str
    width: int
    height: int
    bytes: int
    url: str

    @classmethod
    def parse(cls, document: Document) -> Self:
        """Return what the JSON says. Raises InvalidAnswer."""
        return cls(
            format=required(document, "format", str),
            width=required(document, "width", int),
            height=required(document, "height", int),
            bytes=required(document, "bytes", int),
            url=required(document, "url", str),
        )


@dataclass(frozen=True, slots=True)
class Variant:
    """A variant: its stable URL, which chooses by what the browser accepts, and its files."""

    url: str
    renditions: Sequence[Rendition]

    @classmethod
    def parse(cls, document: Document) -> Self:
        """Return what the JSON says. Raises InvalidAnswer."""
        return cls(
            url=required(document, "url", str),
            renditions=tuple(Rendition.parse(one) for one in documents(document, "renditions")),
        )

    def with_token(self, read_token: str) -> Self:
        """Return the same with a read token in every URL."""
        return replace(
            self,
            url=_with_token(self.url, read_token),
            renditions=tuple(replace(one, url=_with_token(one.url, read_token)) for one in self.renditions),
        )

    @property
    def formats(self) -> tuple[str, ...]:
        """The formats that there are."""
        return tuple(dict.fromkeys(one.format for one in self.renditions))

    @property
    def fallback(self) -> str:
        """The format for whatever knows no modern one. Raises UnknownVariant where nothing is stored."""
        for name in (*PLAIN, *reversed(MODERN), *self.formats):
            if name in self.formats:
                return name
        raise UnknownVariant("Nothing is stored of this variant yet.")

    def of_format(self, name: str | None) -> list[Rendition]:
        """Return the files of a format, by default the fallback's, narrowest first. Raises UnknownVariant."""
        wanted = name or self.fallback
        found = sorted((one for one in self.renditions if one.format == wanted), key=lambda one: one.width)
        if not found:
            raise UnknownVariant(f"This variant has no format {wanted!r}. It has: {', '.join(self.formats)}.")
        return found

    def rendition(self, name: str | None, width: int | None) -> Rendition:
        """Return the narrowest file of a format that is at least `width` px wide, else the widest.

        Raises UnknownVariant.
        """
        found = self.of_format(name)
        enough = (one for one in found if width is not None and one.width >= width)
        return next(enough, found[-1])

    def srcset(self, name: str | None) -> str:
        """Return a `srcset` of all widths of a format. Raises UnknownVariant."""
        return ", ".join(f"{_unbroken(one.url)} {one.width}w" for one in self.of_format(name))


class Html(str):
    """Text that is HTML already. Jinja, Django and whoever else asks for `__html__` do not escape it again."""

    __slots__ = ()

    def __html__(self) -> str:
        return str(self)


def picture(variant: Variant, *, alt: str, sizes: str | None, color: str | None, lazy: bool) -> Html:
    """Return a `<picture>`: a source per modern format, and an `<img>` that everything shows. All of it is escaped.

    `color` (#rrggbb) fills the room until the image is there. Raises UnknownVariant.
    """
    fallback = variant.rendition(None, None)
    sources = [
        _tag("source", type=f"image/{name}", srcset=variant.srcset(name), sizes=sizes)
        for name in MODERN
        if name in variant.formats and name != fallback.format
    ]
    image = _tag(
        "img",
        src=fallback.url,
        srcset=variant.srcset(None),
        sizes=sizes,
        width=str(fallback.width),
        height=str(fallback.height),
        alt=alt,
        loading="lazy" if lazy else None,
        decoding="async",
        style=f"background-color:{color}" if color and re.fullmatch("#[0-9a-f]{6}", color) else None,
    )
    return Html(f"<picture>{''.join(sources)}{image}</picture>")


def _tag(name: str, **attributes: str | None) -> str:
    written = (f' {key}="{html.escape(value)}"' for key, value in attributes.items() if value is not None)
    return f"<{name}{''.join(written)}>"


def _with_token(url: str, read_token: str) -> str:
    return f"{url}{'&' if '?' in url else '?'}{urlencode({'read_token': read_token})}"


def _unbroken(url: str) -> str:
    """Escape what would end a URL within a `srcset`."""
    return url.replace(" ", "%20").replace(",", "%2C")
