"""The whole journey, beside what one would write by hand: from the first request to renditions that can be fetched.

    python benchmarks/journey.py PHOTO [--images 20] [--at-once 4] [--rounds 3]

The peer is one Litestar handler that takes a multipart form and makes the same six renditions (200 x 200, 800 and 1600
wide, as WebP and JPEG, at the same qualities) with Pillow in a thread before it answers: no sandbox, no record, no
fsync, no limits, no attention crop. Ours goes through all six steps. CPU seconds are those of the server and all its
children.
Rates on a shared machine vary: read the ratios.
"""

import argparse
import io
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import uvicorn
from litestar import Litestar, post
from litestar.datastructures import UploadFile
from litestar.enums import RequestEncodingType
from litestar.params import Body
from PIL import Image, ImageOps

from processes import cpu_seconds, descendants
from safelight.testing.server import Server
from safelight_client import Client, Retry

PAUSE_S = 0.5
THUMB = 200


def by_hand(folder: Path) -> Litestar:
    """Return the peer on a folder."""

    def render(content: bytes) -> None:
        original = ImageOps.exif_transpose(Image.open(io.BytesIO(content))).convert("RGB")
        name = folder / uuid.uuid4().hex
        for size in (1600, 800, THUMB):
            box = (size, size if size == THUMB else round(original.height * size / original.width))
            image = ImageOps.fit(original, box)
            image.save(f"{name}-{size}.webp", quality=80, method=2)
            image.save(f"{name}-{size}.jpg", quality=80, optimize=True, progressive=True)

    @post("/upload", request_max_body_size=None, sync_to_thread=True)
    def upload(data: UploadFile = Body(media_type=RequestEncodingType.MULTI_PART)) -> None:  # noqa: B008 - Litestar's way
        render(data.file.read())

    return Litestar([upload])


def peak_megabytes(pid: int) -> list[float]:
    """Return the most memory that each process has had, the server first."""
    found = []
    for one in descendants(pid):
        status = Path(f"/proc/{one}/status").read_text()
        found.append(int(status.partition("VmHWM:")[2].split()[0]) / 1000)
    return found


@dataclass(frozen=True)
class Running:
    """A server under measurement, and how to send it one photo."""

    name: str
    pid: int
    send: Callable[[bytes], None]


@contextmanager
def ours(folder: Path) -> Iterator[Running]:
    """Run the whole of Safelight."""
    with (
        Server(folder / "data", {"min_free_bytes": "0"}) as server,
        Client(server.url, api_key=server.key, retry=Retry(tries=2)) as client,
    ):
        yield Running("safelight", server.pid, lambda content: _ready(client, content))


def _ready(client: Client, content: bytes) -> None:
    client.upload(content, kind="photo", filename="photo.jpg")


@contextmanager
def peer(folder: Path) -> Iterator[Running]:
    """Run the peer."""
    command = [sys.executable, __file__, "--serve", str(folder)]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process,  # noqa: S603 - ourselves
        httpx.Client(timeout=120) as http,
    ):
        port = int(process.stdout.readline()) if process.stdout else 0

        def send(content: bytes) -> None:
            http.post(f"http://127.0.0.1:{port}/upload", files={"data": content}).raise_for_status()

        try:
            yield Running("by hand", process.pid, send)
        finally:
            process.terminate()


def serve(folder: Path) -> None:
    """Run the peer's server, saying its port first."""
    server = uvicorn.Server(uvicorn.Config(by_hand(folder), port=0, log_level="critical"))
    listening = server.config.bind_socket()
    print(listening.getsockname()[1], flush=True)
    server.run([listening])


@dataclass(frozen=True)
class Figures:
    """What one round saw: seconds for one photo alone, photos per second together, CPU seconds per photo."""

    alone_s: float
    per_second: float
    cpu_s: float


def measure(running: Running, content: bytes, *, images: int, at_once: int) -> Figures:
    """Send one photo alone, then many."""
    begun = time.perf_counter()
    running.send(content)
    alone = time.perf_counter() - begun
    used, begun = cpu_seconds(running.pid), time.perf_counter()
    with ThreadPoolExecutor(at_once) as threads:
        list(threads.map(running.send, [content] * images))
    took = time.perf_counter() - begun
    time.sleep(PAUSE_S)
    return Figures(alone, images / took, (cpu_seconds(running.pid) - used) / images)


def main() -> None:
    """Measure in alternating rounds, and print medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photo", type=Path, nargs="?")
    parser.add_argument("--images", type=int, default=20)
    parser.add_argument("--at-once", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.serve:
        serve(chosen.serve)
        return
    content = chosen.photo.read_bytes()
    with (
        tempfile.TemporaryDirectory() as one,
        tempfile.TemporaryDirectory() as two,
        ours(Path(one)) as safelight,
        peer(Path(two)) as hand,
    ):
        both = (safelight, hand)
        for running in both:
            running.send(content)  # the first of each is not counted
        found: dict[str, list[Figures]] = {running.name: [] for running in both}
        for _ in range(chosen.rounds):
            for running in both:
                figures = measure(running, content, images=chosen.images, at_once=chosen.at_once)
                found[running.name].append(figures)
        report(found, {running.name: peak_megabytes(running.pid) for running in both})


def report(found: dict[str, list[Figures]], peaks: dict[str, list[float]]) -> None:
    """Print the medians, and ours over the peer's."""
    print(f"{'':10} {'alone, s':>10} {'photos/s':>10} {'CPU s/photo':>12}  peak MB of each process")
    medians = {}
    for name, rounds in found.items():
        medians[name] = [
            statistics.median(getattr(figures, field) for figures in rounds)
            for field in ("alone_s", "per_second", "cpu_s")
        ]
        alone, rate, cpu = medians[name]
        memory = ", ".join(f"{peak:.0f}" for peak in peaks[name])
        print(f"{name:10} {alone:10.3f} {rate:10.2f} {cpu:12.3f}  {memory}")
    ratios = [ours / theirs for ours, theirs in zip(*medians.values(), strict=True)]
    print(f"{'ratio':10} {ratios[0]:10.2f} {ratios[1]:10.2f} {ratios[2]:12.2f}")


if __name__ == "__main__":
    main()
