"""Uploads: our service and what one would write by hand, in alternating rounds.

    python benchmarks/uploads.py [--rounds 3] [--uploads 64] [--connections 16] [--megabytes 10]

The peer is a Litestar handler that takes a multipart form and writes the file to a folder, as the usual tutorial has
it: no signature, no size check, no fsync, no write-once. Ours does all of that, by PUT and by form. Every server is a
process of its own with one event loop on uvicorn and uvloop; CPU time is that of the server's process with its threads.
Rates on a shared machine vary: read the ratios.
"""

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import uvicorn
from litestar import Litestar, post
from litestar.datastructures import UploadFile
from litestar.enums import RequestEncodingType
from litestar.params import Body

from safelight.adapters.disk.object_store import DiskObjectStore
from safelight.adapters.disk.signer import DiskSigner
from safelight.adapters.rates import MemoryRates
from safelight.apps.uploads import uploads_app
from safelight.domain import keys
from safelight.domain.image import ImageId
from safelight.domain.tokens import Keyring, Tokens
from safelight.http.asgi import App
from safelight.http.connection import Limits, connection
from safelight.settings import Settings

RING = Keyring({"bench": b"b" * 32}, "bench")
TOKENS = Tokens(lambda: RING)
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
BOUNDARY = "benchmark"
PATIENCE_SECONDS = 30


class SystemClock:
    """The time of day."""

    def now(self) -> datetime:
        """Return the present."""
        return datetime.now(UTC)


class Numbers:
    """Ids that count up."""

    def __init__(self) -> None:
        self._numbers = count(int(time.time()) << 32)

    def new(self) -> str:
        """Return the next one."""
        return f"{next(self._numbers):032x}"


def ours(folder: Path) -> App:
    """Return our upload service on a folder."""
    settings = Settings(_env_file=None, min_free_bytes=0)
    objects = DiskObjectStore(folder, io=ThreadPoolExecutor(settings.io_threads))
    limiter = MemoryRates(refused=lambda _: None)
    return uploads_app(settings, TOKENS, objects, clock=SystemClock(), ids=Numbers(), limiter=limiter)


def by_hand(folder: Path) -> Litestar:
    """Return the peer on a folder."""
    names = Numbers()

    @post("/upload", request_max_body_size=None)
    async def upload(data: UploadFile = Body(media_type=RequestEncodingType.MULTI_PART)) -> None:  # noqa: B008 - Litestar's way
        with (folder / names.new()).open("wb") as file:
            while piece := await data.read(1 << 20):
                file.write(piece)

    return Litestar([upload])


APPS: dict[str, Callable[[Path], object]] = {"ours": ours, "by hand": by_hand}


def serve(name: str, folder: Path) -> None:
    """Run one server, saying its port first."""
    seconds = timedelta(seconds=30)
    limits = Limits(seconds, max_header_bytes=32_768, max_connections=1000, grace=seconds, least_rate=1024)
    http = connection(limits) if name == "ours" else "httptools"
    config = uvicorn.Config(APPS[name](folder), port=0, http=http, ws="none", loop="uvloop", log_level="critical")
    server = uvicorn.Server(config)
    listening = config.bind_socket()
    print(listening.getsockname()[1], flush=True)
    server.run([listening])


@dataclass(frozen=True)
class Server:
    """A running server."""

    port: int
    pid: int

    def cpu_seconds(self) -> float:
        """Return what it has used so far, in user and in kernel mode (proc(5))."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND

    def peak_megabytes(self) -> float:
        """Return the most memory it has had."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) / 1000


@contextmanager
def running(name: str, folder: Path) -> Iterator[Server]:
    """Run a server in a process of its own."""
    command = [sys.executable, __file__, "--serve", name, "--folder", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - ourselves
        try:
            yield Server(int(process.stdout.readline()) if process.stdout else 0, process.pid)
        finally:
            process.terminate()


Request = Callable[[int], bytes]
"""Makes the head of one upload and what stands before the file, for a file of so many bytes."""


def put_request(numbers: Numbers) -> Request:
    """Return a maker of signed PUTs."""
    signer = DiskSigner(TOKENS, uploads_url="", delivery_url="")

    def make(size: int) -> bytes:
        now = datetime.now(UTC)
        signed = signer.sign_upload(
            keys.incoming(ImageId(numbers.new()), now, 1),
            declared_bytes=size,
            content_type="image/jpeg",
            checksum=None,
            expires_at=now + timedelta(minutes=5),
            transport="put",
        )
        return f"PUT {signed.url} HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n\r\n".encode()

    return make


def form_request(target: Callable[[int], str]) -> Request:
    """Return a maker of forms, posted to what `target` says."""
    part = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="data"; filename="a.jpg"\r\n\r\n'

    def make(size: int) -> bytes:
        length = len(part) + size + len(form_end())
        head = f"POST {target(size)} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n"
        return f"{head}Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n\r\n{part}".encode()

    return make


def form_end() -> bytes:
    """Return what stands behind the file of a form."""
    return f"\r\n--{BOUNDARY}--\r\n".encode()


async def send(port: int, make: Request, end: bytes, content: bytes, uploads: Iterator[int]) -> None:
    """Upload on one connection until there are no more to make."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in uploads:
        writer.writelines((make(len(content)), content, end))
        await writer.drain()
        answered = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE_SECONDS)
        if b" 201 " not in answered.partition(b"\r\n")[0]:
            raise SystemExit(answered.decode())
        length = int(answered.lower().partition(b"content-length:")[2].split()[0])
        await reader.readexactly(length)
    writer.close()


@dataclass(frozen=True)
class Round:
    """What one round came to."""

    megabytes_per_second: float
    cpu_seconds_per_gigabyte: float


async def measure(server: Server, make: Request, end: bytes, wanted: argparse.Namespace) -> Round:
    """Make all uploads of a round."""
    content = os.urandom(wanted.megabytes * 10**6)
    uploads = iter(range(wanted.uploads))
    cpu, began = server.cpu_seconds(), time.perf_counter()
    await asyncio.gather(*(send(server.port, make, end, content, uploads) for _ in range(wanted.connections)))
    seconds = time.perf_counter() - began
    gigabytes = wanted.uploads * len(content) / 10**9
    return Round(gigabytes * 1000 / seconds, (server.cpu_seconds() - cpu) / gigabytes)


def empty(folder: Path) -> None:
    """Remove the files of a round, so that the disk does not fill."""
    for path in folder.rglob("*"):
        if path.is_file():
            path.unlink()


def compare(wanted: argparse.Namespace) -> None:
    """Run the rounds and print the medians."""
    numbers = Numbers()
    put = put_request(numbers)
    signed_form = form_request(lambda size: put(size).split()[1].decode())
    contenders: dict[str, tuple[str, Request, bytes]] = {
        "ours, PUT": ("ours", put, b""),
        "ours, form": ("ours", signed_form, form_end()),
        "by hand, form": ("by hand", form_request(lambda _: "/upload"), form_end()),
    }
    rounds: dict[str, list[Round]] = {name: [] for name in contenders}
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        folders = {"ours": Path(first), "by hand": Path(second)}
        with running("ours", folders["ours"]) as our_server, running("by hand", folders["by hand"]) as peer:
            servers = {"ours": our_server, "by hand": peer}
            for _ in range(wanted.rounds):
                for name, (server, make, end) in contenders.items():
                    rounds[name].append(asyncio.run(measure(servers[server], make, end, wanted)))
                    empty(folders[server])
            memory = {name: server.peak_megabytes() for name, server in servers.items()}
    report(rounds, memory)


def report(rounds: dict[str, list[Round]], memory: dict[str, float]) -> None:
    """Print medians, and ratios to the peer."""
    rates = {name: statistics.median(one.megabytes_per_second for one in made) for name, made in rounds.items()}
    costs = {name: statistics.median(one.cpu_seconds_per_gigabyte for one in made) for name, made in rounds.items()}
    print(f"{'':16}{'MB/s':>8}{'x peer':>8}{'CPU s/GB':>10}{'x peer':>8}")
    for name, rate in rates.items():
        cost = costs[name]
        ratios = rate / rates["by hand, form"], cost / costs["by hand, form"]
        print(f"{name:16}{rate:8.0f}{ratios[0]:8.2f}{cost:10.2f}{ratios[1]:8.2f}")
    print("peak memory: " + ", ".join(f"{name} {megabytes:.0f} MB" for name, megabytes in memory.items()))


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Uploads, ours and by hand, in alternating rounds")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--uploads", type=int, default=64)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--megabytes", type=int, default=10)
    parser.add_argument("--serve", choices=APPS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    wanted = parser.parse_args()
    if wanted.serve:
        serve(wanted.serve, wanted.folder)
    else:
        compare(wanted)


if __name__ == "__main__":
    main()
