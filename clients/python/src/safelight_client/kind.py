"""What a kind of image accepts, and what is made of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Self, TypeVar

from safelight_client.errors import InvalidAnswer
from safelight_client.reading import Document, optional, required

Value = TypeVar("Value", int, str)


@dataclass(frozen=True, slots=True)
class Recipe:
    """A variant as its kind declares it; sizes in pixels. Without `height` the image keeps its shape."""

    fit: str
    widths: tuple[int, ...]
    height: int | None
    formats: tuple[str, ...]

    @classmethod
    def parse(cls, document: Document) -> Self:
        """Return what the JSON says. Raises InvalidAnswer."""
        return cls(
            fit=required(document, "fit", str),
            widths=_all(document, "widths", int),
            height=optional(document, "height", int),
            formats=_all(document, "formats", str),
        )


@dataclass(frozen=True, slots=True)
class Kind:
    """The rules of a kind: formats and media types that may come, and how large a file may be.

    `review` is "before" where nobody sees an image before the application has approved it.
    """

    name: str
    accept: tuple[str, ...]
    content_types: tuple[str, ...]
    max_bytes: int
    max_pixels: int
    max_frames: int
    public: bool
    variants: Mapping[str, Recipe]
    review: str | None = None

    @classmethod
    def parse(cls, document: Document) -> Self:
        """Return what the JSON says. Raises InvalidAnswer."""
        variants = required(document, "variants", dict)
        return cls(
            name=required(document, "name", str),
            accept=_all(document, "accept", str),
            content_types=_all(document, "content_types", str),
            max_bytes=required(document, "max_bytes", int),
            max_pixels=required(document, "max_pixels", int),
            max_frames=required(document, "max_frames", int),
            public=required(document, "public", bool),
            variants=MappingProxyType({name: Recipe.parse(required(variants, name, dict)) for name in variants}),
            review=optional(document, "review", str),
        )


def _all(document: Document, name: str, kind: type[Value]) -> tuple[Value, ...]:
    values = required(document, name, list)
    if not all(isinstance(value, kind) for value in values):
        raise InvalidAnswer(f"Field {name!r} of the answer is no list of {kind.__name__}.")
    return tuple(values)
