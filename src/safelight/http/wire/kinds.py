"""What may be told of kinds."""

from collections.abc import Mapping, Sequence

from msgspec import Struct, field

from safelight.domain.kind import Kind


class VariantOut(Struct, frozen=True):
    """A declared variant; sizes in pixels. A lazy one is rendered when it is first asked for."""

    fit: str
    widths: Sequence[int]
    height: int | None
    formats: Sequence[str]
    lazy: bool


class KindOut(Struct, frozen=True):
    """What a kind accepts, and what is made of it. `review` "before": nobody sees it until the application said so."""

    name: str
    accept: Sequence[str]
    content_types: Sequence[str]
    max_bytes: int
    max_pixels: int
    max_frames: int
    public: bool
    review: str | None = None
    variants: Mapping[str, VariantOut] = field(default_factory=dict)

    @classmethod
    def of(cls, kind: Kind) -> "KindOut":
        """Return what may be told of a kind."""
        return cls(
            name=kind.name,
            accept=kind.accept,
            content_types=[f"image/{fmt}" for fmt in kind.accept],
            max_bytes=kind.max_bytes,
            max_pixels=kind.max_pixels,
            max_frames=kind.max_frames,
            public=kind.public,
            review=kind.review,
            variants={
                name: VariantOut(variant.fit, variant.widths, variant.height, variant.formats, variant.lazy)
                for name, variant in kind.variants.items()
            },
        )


class KindsOut(Struct, frozen=True):
    """Every kind."""

    kinds: Sequence[KindOut]
