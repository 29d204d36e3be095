"""What rendering costs: the sandbox beside a plain Pillow program that does the same.

    python benchmarks/pixels.py photo.jpg [photo.png ...] [--rounds 7]

Every round renders each photo once in the sandbox and once by the peer, in turns, so that whatever else the machine
does falls on both. Printed are medians of CPU milliseconds (user and system), on our side those of the child. The peer
decodes for every size anew, as the usual web application does, in a process that is warm already: it pays for no
isolation at all.
"""

import argparse
import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import PIL.AvifImagePlugin
import PIL.Image
import PIL.ImageOps

from safelight.domain.formats import InputFormat, OutputFormat
from safelight.domain.geometry import Size, sizes
from safelight.domain.variant import DEFAULT_QUALITY, Fit, Variant, cover, fit
from safelight.ports.renderer import Recipe, Rendered
from safelight.worker.child import Ending
from safelight.worker.renderer import SandboxRenderer
from safelight.worker.samples import SAMPLES

KINDS: Mapping[str, Mapping[str, Variant]] = {
    "thumb": {"thumb": cover(200, 200)},
    "thumb, medium, large": {"thumb": cover(200, 200), "medium": fit(800), "large": fit(1600)},
    "the same and AVIF": {
        "thumb": cover(200, 200),
        "medium": fit(800, formats="avif webp jpeg"),
        "large": fit(1600, formats="avif webp jpeg"),
    },
}

SETTINGS = {
    OutputFormat.WEBP: {"method": 2},
    OutputFormat.AVIF: {"speed": 9, "max_threads": 1},
    OutputFormat.JPEG: {"optimize": True, "progressive": True},
}
"""Those of the sandbox's encoders."""


def main() -> None:
    """Measure and print."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("photos", nargs="+", type=Path)
    arguments.add_argument("--rounds", type=int, default=7)
    asyncio.run(compare(**vars(arguments.parse_args())))


async def compare(photos: list[Path], rounds: int) -> None:
    """Print a line for every photo and kind, and one for an empty job."""
    endings: list[Ending] = []
    async with SandboxRenderer(
        slots=1,
        render_timeout=timedelta(minutes=1),
        render_cpu=timedelta(minutes=1),
        render_memory_bytes=1 << 30,
        max_rendition_bytes=64 << 20,
        on_end=endings.append,
    ) as renderer:
        await _print_empty(renderer, rounds)
        print(f"\n{'photo':<24}{'variants':<24}{'sandbox':>9}{'peer':>9}{'ratio':>7}{'peak':>9}  bytes")
        for photo in photos:
            content = await asyncio.to_thread(photo.read_bytes)
            for name, variants in KINDS.items():
                endings.clear()
                by_peer: list[float] = []
                for _ in range(rounds):
                    length, _ = await _sandboxed(renderer, content, variants)
                    by_peer.append(_cpu_of(lambda: peer(content, variants)))  # noqa: B023 - called at once
                _print_line(photo.name, name, endings, by_peer, (length, sum(map(len, peer(content, variants)))))


def peer(content: bytes, variants: Mapping[str, Variant]) -> list[bytes]:
    """Render as one does without thinking much: for every size open, turn, shrink; then save in each format."""
    with PIL.Image.open(BytesIO(content)) as image:
        source = Size(*PIL.ImageOps.exif_transpose(image).size)
    return [
        file
        for variant in variants.values()
        for size in sizes(variant, source)
        for file in _peer_files(content, variant, size)
    ]


def _peer_files(content: bytes, variant: Variant, size: Size) -> list[bytes]:
    with PIL.Image.open(BytesIO(content)) as opened:
        image = PIL.ImageOps.exif_transpose(opened).convert("RGB")
    if variant.fit is Fit.COVER:
        image = PIL.ImageOps.fit(image, size, PIL.Image.Resampling.LANCZOS)
    else:
        image.thumbnail(size, PIL.Image.Resampling.LANCZOS)
    return [_peer_file(image, fmt) for fmt in variant.formats]


def _peer_file(image: PIL.Image.Image, fmt: OutputFormat) -> bytes:
    file = BytesIO()
    image.save(file, fmt.value, quality=DEFAULT_QUALITY[fmt], **SETTINGS[fmt])
    return file.getvalue()


async def _sandboxed(renderer: SandboxRenderer, content: bytes, variants: Mapping[str, Variant]) -> tuple[int, float]:
    """Render in the sandbox; return how many bytes came of it, and the milliseconds until the child was gone."""
    recipe = Recipe(tuple(InputFormat), max_pixels=200_000_000, max_frames=300, variants=variants)
    began = time.perf_counter()
    parts = [part async for part in renderer.render(_once(content), recipe)]
    await renderer.drain()
    return sum(len(part.content) for part in parts if isinstance(part, Rendered)), 1000 * (time.perf_counter() - began)


async def _print_empty(renderer: SandboxRenderer, rounds: int) -> None:
    """Print what a child costs that renders next to nothing."""
    took = [(await _sandboxed(renderer, SAMPLES[InputFormat.PNG], {}))[1] for _ in range(10 * rounds)]
    print(f"8 x 8 pixels, no variants: {statistics.median(took):.1f} ms from the call until the child was gone")


def _print_line(photo: str, name: str, endings: list[Ending], by_peer: list[float], lengths: tuple[int, int]) -> None:
    ours = statistics.median(1000 * ending.ended.cpu_seconds for ending in endings)
    theirs = statistics.median(by_peer)
    peak = max(ending.ended.peak_bytes for ending in endings) / (1 << 20)
    print(
        f"{photo[:23]:<24}{name:<24}{ours:>6.0f} ms{theirs:>6.0f} ms{theirs / ours:>7.2f}{peak:>5.0f} MiB"
        f"  {lengths[0]:,} / {lengths[1]:,}"
    )


def _cpu_of(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return 1000 * (time.process_time() - began)


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content


if __name__ == "__main__":
    main()
