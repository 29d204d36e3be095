"""Many images for one page."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from safelight.domain import keys
from safelight.domain.formats import OutputFormat
from safelight.domain.kind import MAX_RENDITIONS
from safelight.domain.report import VariantReport


class GalleryIn(Struct, forbid_unknown_fields=True, frozen=True):
    """What a page wants to show: variants of images; `width` is the room for each, in pixels."""

    ids: Annotated[
        list[Annotated[str, Meta(pattern=f"^{keys.ID}$")]],
        Meta(min_length=1, max_length=1000, description="Ids of images, 32 hexadecimal digits each"),
    ]
    variants: Annotated[
        list[Annotated[str, Meta(max_length=100)]],
        Meta(min_length=1, max_length=MAX_RENDITIONS, description="Names of variants"),
    ]
    width: Annotated[
        Annotated[int, Meta(ge=1)] | None, Meta(description="Room on the page, in pixels; the widest by default")
    ] = None
    format: Annotated[OutputFormat | None, Meta(description="By default the best that `Accept` takes")] = None


class ShownOut(Struct, frozen=True):
    """Where the variants of one image are. Signed URLs end at `expires_at`, which public ones have none of."""

    public: bool
    expires_at: datetime | None
    variants: Mapping[str, VariantReport]


class GalleryOut(Struct, frozen=True):
    """Images by id; what does not exist, or may not be seen, is left out."""

    images: Mapping[str, ShownOut]
