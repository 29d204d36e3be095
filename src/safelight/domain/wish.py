"""What a reader wants to see, and which of what is stored suits it best."""

from collections.abc import Sequence
from dataclasses import dataclass

from safelight.domain.formats import OutputFormat
from safelight.domain.image import Rendition


@dataclass(frozen=True, slots=True)
class Wish:
    """What a reader wants to see: formats in order of liking, and the width in pixels that it has room for.

    `by_application`: whether the reader is the application's server.
    """

    variant: str
    formats: Sequence[OutputFormat]
    width: int | None = None
    by_application: bool = False


def choose(stored: Sequence[Rendition], wish: Wish) -> Rendition | None:
    """Return the best of what is stored: the best liked format; of it the smallest wide enough, or else the widest."""
    for fmt in wish.formats:
        fitting = sorted((r for r in stored if r.format == fmt), key=lambda r: r.width)
        if fitting:
            wide_enough = [r for r in fitting if wish.width is not None and r.width >= wish.width]
            return (wide_enough or fitting[-1:])[0]
    return None
