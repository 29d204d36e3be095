"""What is said of images that are there, and answered about them."""

from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta, Struct

from safelight.domain.report import ImageReport
from safelight.upkeep.review import Verdict


class PageOut(Struct, frozen=True):
    """Images, newest first; `next` is the `after` of the next page."""

    images: Sequence[ImageReport]
    next: str | None


class EventOut(Struct, frozen=True):
    """One server-sent event: `event` is `image`, `id` the revision, `data` the JSON of an ImageReport."""

    event: str
    id: str
    data: str


class TokensOut(Struct, frozen=True):
    """What shows a protected image: `Authorization: Bearer`, or `?read_token=` where no header can be set."""

    read_token: str


class VisibilityIn(Struct, forbid_unknown_fields=True, frozen=True):
    """Whether anybody may see the image, or only whoever may."""

    public: Annotated[bool, Meta(description="Whether anybody may see it")]


class VisibilityOut(Struct, frozen=True):
    """The image as it is now. `note` says what cannot be undone.

    `old_urls` are the public URLs of a protected image: they lead nowhere, but a CDN may have copies. Purge them there.
    """

    image: ImageReport
    note: str
    old_urls: Sequence[str]


class VerdictIn(Struct, forbid_unknown_fields=True, frozen=True):
    """What the application says of a held image. `reason` is for the audit log alone."""

    verdict: Annotated[Verdict, Meta(description="What becomes of the image")]
    reason: Annotated[
        Annotated[str, Meta(min_length=1, max_length=500, pattern="^[^\\u0000]*$")] | None,
        Meta(description="Why, for the audit log alone"),
    ] = None
