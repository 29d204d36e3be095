"""Turns the bytes of a file into renditions, behind the wall of the sandbox."""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol, Self

from safelight.domain.formats import InputFormat, OutputFormat
from safelight.domain.image import ImageId, Look, Rendition
from safelight.domain.kind import Kind
from safelight.domain.variant import Variant


@dataclass(frozen=True, slots=True)
class Recipe:
    """All that the sandbox is told: what may come in, how large, and what is to be made. Plain data."""

    accept: tuple[InputFormat, ...]
    max_pixels: int
    max_frames: int
    variants: Mapping[str, Variant] = field(default_factory=dict)

    @classmethod
    def of(cls, kind: Kind, variants: Mapping[str, Variant] | None = None) -> Self:
        """Return the recipe of some of a kind's variants, by default of those that are not lazy."""
        return cls(kind.accept, kind.max_pixels, kind.max_frames, dict(kind.eager if variants is None else variants))


@dataclass(frozen=True, slots=True)
class Inspected:
    """What the header says; comes first. Sizes are those of the upright image, in pixels.

    `bytes` and `sha256` (64 hexadecimal digits) are reckoned on this side of the wall.
    """

    format: InputFormat
    width: int
    height: int
    frames: int
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Rendered:
    """One finished rendition, checked: `content` is a file of that format and size."""

    variant: str
    format: OutputFormat
    width: int
    height: int
    content: bytes

    def as_rendition(self, image_id: ImageId, kind: Kind) -> Rendition:
        """Return what the records keep of it."""
        return Rendition(
            image_id=image_id,
            variant=self.variant,
            fingerprint=kind.variants[self.variant].fingerprint,
            format=self.format,
            width=self.width,
            height=self.height,
            bytes=len(self.content),
        )


Part = Inspected | Look | Rendered


class Renderer(Protocol):
    """Renders images, one child process each."""

    def render(self, source: AsyncIterator[bytes], recipe: Recipe) -> AsyncGenerator[Part, None]:
        """Yield one Inspected, one Look, and a Rendered for everything that `geometry.plan` says, as each is finished.

        Raises ImageRejected (the file's fault, also where it made its decoder crash or run out of time), and
        RenderingFailed (the sandbox's fault, or that of a machine that killed the child or had no time for it). What
        the source raises comes through.
        Close the generator (`aclosing`): a child whose parts nobody wants is ended then.
        """
        ...
