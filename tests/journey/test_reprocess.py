"""Rendering ready images again after their kind was declared otherwise."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from safelight.adapters.system import SystemClock
from safelight.apps.addresses import Addresses
from safelight.apps.asked import all_asked
from safelight.apps.kinds import load_kinds
from safelight.apps.wiring import opened
from safelight.settings import Settings
from safelight.testing.server import Server, files_below
from safelight.upkeep.sweep import sweep_orphans
from safelight_client import Client, Image

Command = Callable[..., subprocess.CompletedProcess[str]]
Declare = Callable[..., None]

IMAGES = 6
IMAGES_TO_KILL_AMONG = 12
WITHIN_S = 60


@pytest.fixture
def kinds(tmp_path: Path) -> Path:
    """The place of the kinds file."""
    return tmp_path / "kinds.py"


@pytest.fixture
def declare(kinds: Path) -> Declare:
    """Writes the kinds file: one kind `gallery`, whose variant `thumb` has this edge."""

    def write(edge: int, more: str = "", *, keep_original: bool = True) -> None:
        kinds.write_text(
            "from safelight import Kind, cover, fit\n"
            f"gallery = Kind('gallery', public=True, keep_original={keep_original}, "
            f"variants={{'thumb': cover({edge}, {edge}), {more}}})\n"
        )

    return write


@pytest.fixture
def gallery(
    declare: Declare, kinds: Path, start_server: Callable[..., Server], picture: Callable[[int], bytes]
) -> Callable[[int], tuple[Server, list[Image]]]:
    """Starts a server with so many ready images, whose thumbs have an edge of 64 pixels."""

    def start(count: int) -> tuple[Server, list[Image]]:
        if not kinds.exists():
            declare(64)
        server = start_server("data", kinds=str(kinds))
        with Client(server.url, api_key=server.key) as client:
            return server, [client.upload(picture(i), kind="gallery", filename="a.jpg") for i in range(count)]

    return start


def test_after_a_change_new_renditions_are_served_and_the_old_ones_go_with_a_sweep(
    gallery: Callable[[int], tuple[Server, list[Image]]], declare: Declare, command: Command, kinds: Path
) -> None:
    """Beside the running server."""
    server, images = gallery(IMAGES)
    declare(48)
    words = ("reprocess", "--kind", "gallery", "--data", server.data, "--kinds", kinds)

    told = command(*words, "--dry-run")
    assert _widths(server, images) == {64}
    done = command(*words)
    again = command(*words)

    assert f"{IMAGES} images would be rendered, {2 * IMAGES} renditions" in told.stdout
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{IMAGES} images done, {2 * IMAGES} renditions made; 0 skipped, 0 failed" in done.stdout
    assert f"0 images to render, 0 renditions; {IMAGES} images are as declared" in again.stdout
    assert _widths(server, images) == {48}
    urls = [rendition.url for image in images for rendition in image.variants["thumb"].renditions]
    assert {httpx.get(url).status_code for url in urls} == {200}
    _sweep(server.data, kinds)
    assert {httpx.get(url).status_code for url in urls} == {404}


def test_missing_renders_new_variants_and_leaves_the_others_alone(
    gallery: Callable[[int], tuple[Server, list[Image]]], declare: Declare, command: Command, kinds: Path
) -> None:
    server, images = gallery(2)
    declare(48, more="'wide': fit(320)")

    done = command("reprocess", "--kind", "gallery", "--missing", "--data", server.data, "--kinds", kinds)

    assert "2 images done, 4 renditions made" in done.stdout
    assert _widths(server, images) == {64}
    assert _widths(server, images, "wide") == {320}


def test_killed_in_the_middle_and_run_again_it_is_complete_and_nothing_is_left_over(
    gallery: Callable[[int], tuple[Server, list[Image]]], declare: Declare, command: Command, kinds: Path
) -> None:
    server, images = gallery(IMAGES_TO_KILL_AMONG)
    declare(48)
    words = ("reprocess", "--kind", "gallery", "--data", server.data, "--kinds", kinds)

    with _running(*words) as process:
        _until(lambda: _count_new(server.data) >= IMAGES_TO_KILL_AMONG // 2 or process.poll() is not None)
        process.kill()
        killed = process.wait() == -signal.SIGKILL
    rendered_by_then = _count_new(server.data)
    done = command(*words)
    _sweep(server.data, kinds)

    assert killed
    assert rendered_by_then < 2 * IMAGES_TO_KILL_AMONG
    assert done.returncode == 0, done.stdout + done.stderr
    assert _widths(server, images) == {48}
    assert _stored(server.data) == _asked(server.data)


def test_an_image_whose_original_cannot_be_read_fails_by_itself(
    gallery: Callable[[int], tuple[Server, list[Image]]], declare: Declare, command: Command, kinds: Path
) -> None:
    server, images = gallery(3)
    declare(48)
    next(path for path in server.data.rglob("original") if images[1].id in path.parts).unlink()

    done = command("reprocess", "--kind", "gallery", "--data", server.data, "--kinds", kinds)

    assert done.returncode == 1
    assert "2 images done, 4 renditions made; 0 skipped, 1 failed" in done.stdout
    assert images[1].id in done.stdout
    assert _widths(server, [images[0], images[2]]) == {48}
    assert _widths(server, [images[1]]) == {64}


def test_images_without_an_original_are_counted_and_left_alone(
    gallery: Callable[[int], tuple[Server, list[Image]]], declare: Declare, command: Command, kinds: Path
) -> None:
    declare(64, keep_original=False)
    server, images = gallery(1)
    declare(48)

    done = command("reprocess", "--kind", "gallery", "--data", server.data, "--kinds", kinds)

    assert done.returncode == 0
    assert "1 images cannot be: their originals were not kept" in done.stdout
    assert _widths(server, images) == {64}


def _count_new(data: Path) -> int:
    return sum(path.match("thumb-*-48.*") for path in files_below(data / "store/objects/public"))


def _widths(server: Server, images: list[Image], variant: str = "thumb") -> set[int]:
    """Return the widths that the server serves; each rendition has to come, as large as the server says."""
    widths = set()
    with Client(server.url, api_key=server.key) as client:
        for image in images:
            for rendition in client.get(image.id).variants[variant].renditions:
                assert len(httpx.get(rendition.url).raise_for_status().content) == rendition.bytes
                widths.add(rendition.width)
    return widths


@contextmanager
def _running(*words: object) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(  # noqa: S603 - our own program, with a test's words
        [sys.executable, "-m", "safelight", *map(str, words)],
        env=os.environ | {"SAFELIGHT_SLOTS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def _until(condition: Callable[[], bool]) -> None:
    """Look again and again, as what is awaited happens in another process."""
    end = time.monotonic() + WITHIN_S
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def _sweep(data: Path, kinds: Path) -> None:
    async def sweep() -> None:
        settings = Settings(data=data, kinds=kinds)
        async with opened(settings, load_kinds(kinds), Addresses.of(settings, port=0)) as world:
            await sweep_orphans(
                records=world.records, objects=world.objects, clock=SystemClock(), grace=timedelta(0), batch=500
            )

    asyncio.run(sweep())


def _asked(data: Path) -> set[str]:
    """Return the names of what the records ask for."""

    async def asked() -> set[str]:
        settings = Settings(data=data)
        async with (
            opened(settings, load_kinds(None), Addresses.of(settings, port=0)) as world,
            world.records.reading() as snapshot,
        ):
            return {one.key.partition("/")[2] async for one in all_asked(snapshot)}

    return asyncio.run(asked())


def _stored(data: Path) -> set[str]:
    """Return the names of what lies in the store, besides what came in: that is swept when its upload URL has ended."""
    kept = (path for area in ("public", "private") for path in files_below(data / "store/objects" / area))
    return {f"{path.parent.name}/{path.name}" for path in kept}
