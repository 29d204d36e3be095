"""Renderers, and what they are fed."""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from safelight.domain.formats import InputFormat
from safelight.domain.variant import fit
from safelight.ports.renderer import Recipe
from safelight.testing import evil
from safelight.worker.renderer import SandboxRenderer

LIMITS: dict[str, Any] = {
    "slots": 1,
    "render_timeout": timedelta(seconds=20),
    "render_cpu": timedelta(seconds=10),
    "render_memory_bytes": 1 << 28,
    "max_rendition_bytes": 1 << 22,
}


@pytest.fixture
def make_renderer() -> Callable[..., SandboxRenderer]:
    """Makes renderers with tight limits, to be entered."""
    return lambda **limits: SandboxRenderer(**{**LIMITS, **limits})


@pytest.fixture
def make_evil_renderer(make_renderer: Callable[..., SandboxRenderer]) -> Callable[..., SandboxRenderer]:
    """Makes renderers whose children do what the image says: see `safelight.testing.evil`."""
    return partial(make_renderer, zygote=evil.COMMAND)


@pytest.fixture
def recipe() -> Recipe:
    """One small PNG of a PNG."""
    return Recipe((InputFormat.PNG,), max_pixels=10_000, max_frames=5, variants={"all": fit(8, formats="png")})


@pytest.fixture
def source_of() -> Callable[[bytes], AsyncIterator[bytes]]:
    """Gives bytes as a store gives an object: in pieces."""

    async def pieces(content: bytes) -> AsyncIterator[bytes]:
        for start in range(0, len(content), 1000):
            yield content[start : start + 1000]

    return pieces
