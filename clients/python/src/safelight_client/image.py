"""An image, as the server tells of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Self

from safelight_client.errors import InvalidAnswer, UnknownVariant
from safelight_client.reading import Document, moment, optional, required
from safelight_client.variant import Html, Variant, picture


class Status(StrEnum):
    """Where an image is on its way."""

    REQUESTED = "requested"
    UPLOADED = "uploaded"
    PROCESSING = "processing"
    HELD = "held"
    READY = "ready"
    REJECTED = "rejected"
    FAILED = "failed"
    EXPIRED = "expired"
    DELETED = "deleted"


UNDER_WAY = frozenset({Status.REQUESTED, Status.UPLOADED, Status.PROCESSING})
"""Statuses that change by themselves. A held image waits for its application."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """The application's record that an image belongs to."""

    type: str
    id: str


@dataclass(frozen=True, slots=True)
class Ending:
    """Why an image was rejected or failed: a stable code, and a sentence for the end user."""

    code: str
    message: str
    retryable: bool


@dataclass(frozen=True, slots=True)
class Image:
    """An image. `progress` goes from 0 to 1; sizes are those of the upright original, in pixels and bytes.

    `placeholder` is a ThumbHash in base64, `color` the dominant colour. The write token is there only on what `upload`
    returned; whoever has the read token can see a protected image.
    """

    id: str
    kind: str
    status: Status
    progress: float
    public: bool
    attached_to: Attachment | None
    filename: str | None
    content_type: str | None
    bytes: int | None
    width: int | None
    height: int | None
    placeholder: str | None
    color: str | None
    variants: Mapping[str, Variant]
    error: Ending | None
    created_at: datetime | None
    ready_at: datetime | None
    read_token: str | None = field(default=None, repr=False)
    write_token: str | None = field(default=None, repr=False)

    @classmethod
    def parse(cls, document: Document) -> Self:
        """Return what the JSON says; fields that are not known are passed over. Raises InvalidAnswer."""
        return cls(
            id=required(document, "id", str),
            kind=required(document, "kind", str),
            status=status_of(document),
            progress=optional(document, "progress", float) or 0.0,
            public=optional(document, "public", bool) or False,
            attached_to=_attachment(optional(document, "attached_to", dict)),
            filename=optional(document, "filename", str),
            content_type=optional(document, "content_type", str),
            bytes=optional(document, "bytes", int),
            width=optional(document, "width", int),
            height=optional(document, "height", int),
            placeholder=optional(document, "placeholder", str),
            color=optional(document, "color", str),
            variants=_variants(optional(document, "variants", dict) or {}),
            error=_ending(optional(document, "error", dict)),
            created_at=moment(document, "created_at"),
            ready_at=moment(document, "ready_at"),
            read_token=optional(document, "read_token", str),
        )

    @property
    def is_final(self) -> bool:
        """Whether nothing more will happen by itself."""
        return self.status not in UNDER_WAY

    def url(
        self,
        variant: str,
        *,
        format: str | None = None,  # noqa: A002 - what the API calls it
        width: int | None = None,
        with_token: bool = False,
    ) -> str:
        """Return the URL of a variant: one that chooses by what the browser accepts, or that of one file.

        `format` (avif, webp, jpeg, png) and `width` (px: the narrowest that is wide enough) choose a file.
        `with_token` adds the read token where the image is protected. Raises UnknownVariant.
        """
        chosen = self._variant(variant, with_token=with_token)
        if format is None and width is None:
            return chosen.url
        return chosen.rendition(format, width).url

    def srcset(
        self,
        variant: str,
        *,
        format: str | None = None,  # noqa: A002 - what the API calls it
        with_token: bool = False,
    ) -> str:
        """Return a `srcset` of all widths in one format, by default one that everything shows.

        Raises UnknownVariant.
        """
        return self._variant(variant, with_token=with_token).srcset(format)

    def picture(
        self, variant: str, *, alt: str = "", sizes: str | None = None, lazy: bool = True, with_token: bool = False
    ) -> Html:
        """Return a `<picture>` in all formats and widths of a variant, escaped. Raises UnknownVariant.

        `alt` says what there is to see: empty for an image that only decorates. `sizes` says how wide the image is on
        the page, as in HTML.
        """
        chosen = self._variant(variant, with_token=with_token)
        return picture(chosen, alt=alt, sizes=sizes, color=self.color, lazy=lazy)

    def _variant(self, name: str, *, with_token: bool) -> Variant:
        if name not in self.variants:
            known = ", ".join(self.variants) or "nothing yet"
            raise UnknownVariant(f"Image {self.id!r} ({self.status}) has no variant {name!r}. It has: {known}.")
        variant = self.variants[name]
        if not with_token or self.public:
            return variant
        if self.read_token is None:
            raise ValueError(f"the read token of image {self.id!r} is not known: only `upload` returns it")
        return variant.with_token(self.read_token)


@dataclass(frozen=True, slots=True)
class Visibility:
    """An image that was made public or protected; `note` says what that cannot undo.

    `old_urls` are the public URLs of a protected image, which a CDN may have copies of: purge them there.
    """

    image: Image
    note: str
    old_urls: tuple[str, ...]

    @classmethod
    def parse(cls, document: Document) -> Self:
        """Return what the JSON says. Raises InvalidAnswer."""
        return cls(
            image=Image.parse(required(document, "image", dict)),
            note=required(document, "note", str),
            old_urls=tuple(str(url) for url in required(document, "old_urls", list)),
        )


def status_of(document: Document) -> Status:
    """Return the field `status`. Raises InvalidAnswer."""
    text = required(document, "status", str)
    try:
        return Status(text)
    except ValueError as error:
        raise InvalidAnswer(f"The image's status is {text!r:.80}, which this version does not know.") from error


def _attachment(document: Document | None) -> Attachment | None:
    if document is None:
        return None
    return Attachment(required(document, "type", str), required(document, "id", str))


def _ending(document: Document | None) -> Ending | None:
    if document is None:
        return None
    return Ending(
        code=required(document, "code", str),
        message=required(document, "message", str),
        retryable=optional(document, "retryable", bool) or False,
    )


def _variants(document: Document) -> Mapping[str, Variant]:
    return MappingProxyType({name: Variant.parse(required(document, name, dict)) for name in document})
