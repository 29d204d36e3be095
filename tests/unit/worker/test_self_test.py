"""Whether the sandbox proves itself, and notices when it cannot."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable

import pytest

from safelight.domain.errors import ImageRejected, Reason, RenderingFailed
from safelight.domain.formats import InputFormat, OutputFormat
from safelight.ports.renderer import Inspected, Part, Recipe, Rendered
from safelight.worker.renderer import SandboxRenderer
from safelight.worker.samples import SAMPLES
from safelight.worker.self_test import self_test


class Scripted:
    """A renderer that takes in and gives out what it is told to."""

    def __init__(self, rejected: dict[InputFormat, Reason], written: tuple[OutputFormat, ...]) -> None:
        self._rejected = rejected
        self._written = written

    async def render(self, source: AsyncIterator[bytes], recipe: Recipe) -> AsyncGenerator[Part]:
        content = b"".join([piece async for piece in source])
        (fmt,) = (fmt for fmt, sample in SAMPLES.items() if sample == content)
        if fmt in self._rejected:
            raise ImageRejected(self._rejected[fmt])
        yield Inspected(fmt, 8, 8, 1, len(content), "0" * 64)
        for written in self._written:
            yield Rendered(next(iter(recipe.variants)), written, 4, 4, b"")


async def test_the_sandbox_takes_every_format_and_makes_every_format(
    make_renderer: Callable[..., SandboxRenderer],
) -> None:
    async with make_renderer() as renderer:
        assert await self_test(renderer) == tuple(InputFormat)


async def test_heic_may_be_missing() -> None:
    renderer = Scripted({InputFormat.HEIC: Reason.TYPE_NOT_ACCEPTED}, tuple(OutputFormat))

    assert set(InputFormat) - set(await self_test(renderer)) == {InputFormat.HEIC}


@pytest.mark.parametrize(
    "rejected", [{InputFormat.JPEG: Reason.TYPE_NOT_ACCEPTED}, {InputFormat.HEIC: Reason.UNPROCESSABLE}]
)
async def test_no_other_format_may_be_missing(rejected: dict[InputFormat, Reason]) -> None:
    with pytest.raises(RenderingFailed):
        await self_test(Scripted(rejected, tuple(OutputFormat)))


async def test_no_rendition_may_be_missing() -> None:
    with pytest.raises(RenderingFailed):
        await self_test(Scripted({}, (OutputFormat.WEBP,)))
