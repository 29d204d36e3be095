"""What is said of an image: one shape for CHECK, the events and the webhooks."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from safelight.domain.image import GONE, Attachment, Image, Rendition, State
from safelight.domain.urls import Links

ENDED_BADLY = frozenset({State.REJECTED, State.FAILED})
NOT_BEGUN = frozenset({State.REQUESTED, State.UPLOADED})


@dataclass(frozen=True, slots=True)
class RenditionReport:
    """One stored file; sizes in pixels and bytes."""

    format: str
    width: int
    height: int
    bytes: int
    url: str


@dataclass(frozen=True, slots=True)
class VariantReport:
    """A variant: its stable URL, and its files by width, then format."""

    url: str
    renditions: Sequence[RenditionReport]


@dataclass(frozen=True, slots=True)
class ErrorReport:
    """Why an image was rejected or failed."""

    code: str
    message: str
    retryable: bool


@dataclass(frozen=True, slots=True)
class ImageReport:
    """An image as the application and its users see it. `progress` is stored over expected renditions."""

    id: str
    kind: str
    status: State
    progress: float
    public: bool
    attached_to: Attachment | None
    filename: str
    content_type: str | None
    bytes: int | None
    width: int | None
    height: int | None
    placeholder: str | None
    color: str | None
    variants: Mapping[str, VariantReport]
    error: ErrorReport | None
    created_at: datetime
    ready_at: datetime | None


def report(image: Image, renditions: Sequence[Rendition], links: Links, *, to_application: bool = False) -> ImageReport:
    """Say how an image stands. `renditions` are in the order of the records: by variant, width, format.

    Of an image that is no more it does not say how its file was called, and of one that is not shown not how it looks.
    `to_application`: it is for the application's server, which sees held images as well.
    """
    gone, shown = image.state in GONE, image.is_shown_to(application=to_application)
    verified, look = image.verified, image.look if shown else None
    return ImageReport(
        id=image.id,
        kind=image.kind,
        status=image.state,
        progress=progress(image, renditions),
        public=image.public,
        attached_to=image.attached_to,
        filename="" if gone else image.filename,
        content_type=verified.content_type if verified else None,
        bytes=verified.bytes if verified else None,
        width=verified.width if verified else None,
        height=verified.height if verified else None,
        placeholder=look.placeholder if look else None,
        color=look.color if look else None,
        variants=_variants(image, renditions, links) if shown else {},
        error=_error(image),
        created_at=image.created_at,
        ready_at=image.ready_at,
    )


def progress(image: Image, renditions: Sequence[Rendition]) -> float:
    """Return how much of the work is done, from 0 to 1: of what ended otherwise than ready, how much was."""
    if image.state is State.READY:
        return 1.0
    if image.state in NOT_BEGUN or image.verified is None:
        return 0.0
    return min(1.0, round(len(renditions) / max(1, image.verified.renditions_expected), 3))


def _variants(image: Image, renditions: Iterable[Rendition], links: Links) -> dict[str, VariantReport]:
    """Return what is stored, by variant, and where to ask for what will be rendered then."""
    can_be_rendered = links.lazy.get(image.kind, ()) if image.state is State.READY else ()
    return {variant: VariantReport(links.variant(image, variant), []) for variant in can_be_rendered} | {
        variant: VariantReport(
            links.variant(image, variant),
            [RenditionReport(r.format, r.width, r.height, r.bytes, links.rendition(image, r)) for r in stored],
        )
        for variant, stored in groupby(renditions, key=lambda rendition: rendition.variant)
    }


def _error(image: Image) -> ErrorReport | None:
    if image.ending is None or image.state not in ENDED_BADLY:  # one that was sent round again has left it behind
        return None
    return ErrorReport(image.ending.code, image.ending.message, retryable=image.state is State.FAILED)
