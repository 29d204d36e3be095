"""Whether the sandbox does what it is there for: a tiny image of every format goes in, every format comes out."""

from collections.abc import AsyncIterator
from contextlib import aclosing

from safelight.domain.errors import ImageRejected, Reason, RenderingFailed
from safelight.domain.formats import InputFormat, OutputFormat
from safelight.domain.variant import fit
from safelight.ports.renderer import Inspected, Recipe, Rendered, Renderer
from safelight.worker.samples import SAMPLES

OPTIONAL = frozenset({InputFormat.HEIC})
"""Formats that need an extra to be installed."""

RECIPE = Recipe(
    accept=tuple(InputFormat), max_pixels=1_000_000, max_frames=1, variants={"all": fit(4, formats=tuple(OutputFormat))}
)


async def self_test(renderer: Renderer) -> tuple[InputFormat, ...]:
    """Return the formats that are taken in: all of them, or all but HEIC where its extra is not installed.

    Raises RenderingFailed where anything does not come back as it should.
    """
    return tuple([fmt for fmt in InputFormat if await _comes_back(renderer, fmt)])


async def _comes_back(renderer: Renderer, fmt: InputFormat) -> bool:
    try:
        async with aclosing(renderer.render(_once(SAMPLES[fmt]), RECIPE)) as parts:
            seen = [part.format async for part in parts if isinstance(part, Inspected | Rendered)]
    except ImageRejected as rejected:
        if fmt in OPTIONAL and rejected.reason is Reason.TYPE_NOT_ACCEPTED:
            return False
        raise RenderingFailed(f"the sample of {fmt} was rejected: {rejected.reason}") from rejected
    if set(seen) != {fmt, *OutputFormat} or len(seen) != 1 + len(OutputFormat):
        raise RenderingFailed(f"the sample of {fmt} came back as {seen}")
    return True


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content
