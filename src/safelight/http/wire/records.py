"""Images of the application's records."""

from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta, Struct

from safelight.domain import keys
from safelight.domain.report import ImageReport


class PlacedIn(Struct, forbid_unknown_fields=True, frozen=True):
    """Which image is to be at a place of a record; `position` counts from 0, and is after the last by default."""

    image_id: Annotated[str, Meta(pattern=f"^{keys.ID}$", description="Which image")]
    position: Annotated[
        Annotated[int, Meta(ge=0, le=2**31 - 1)] | None,
        Meta(description="Where, counted from 0; after the last by default"),
    ] = None


class AttachedOut(Struct, frozen=True):
    """What is attached to a record, by kind and in order: `images` are shown, `pending` ones may be yet."""

    images: Sequence[ImageReport]
    pending: Sequence[ImageReport]


class RemovedOut(Struct, frozen=True):
    """What was deleted with a record: `bytes` are those of the files as they were sent."""

    images: int
    bytes: int
