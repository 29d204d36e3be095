"""What it costs to note every view of a protected image: shows with the audit log and without, in alternating rounds.

    python benchmarks/audit.py [--rounds 5] [--shows 4000] [--connections 16]

Both are the whole API on SQLite, each in a process of its own with one event loop on uvicorn and uvloop, and differ in
nothing but the audit log. CPU time is that of the server's process with its threads, and holds the writing as well.
Rates on a shared machine vary: read the ratios.
"""

import argparse
import asyncio
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import uvicorn
import uvloop

from safelight.adapters.audit import BufferedAudit
from safelight.adapters.records.migrate import migrate
from safelight.adapters.records.store import open_records
from safelight.adapters.system import SystemClock
from safelight.apps.addresses import Addresses
from safelight.apps.api import api_app
from safelight.apps.database import DATABASE_FILE
from safelight.apps.kinds import load_kinds
from safelight.apps.readiness import readiness
from safelight.apps.wiring import World, opened
from safelight.domain.events import Action, AuditEvent
from safelight.domain.image import ImageId, State
from safelight.domain.tokens import Purpose
from safelight.http.asgi import App
from safelight.http.request_id import with_request_id
from safelight.settings import Settings
from safelight.testing.contracts.records import image_in
from safelight.testing.fakes import RecordingJobs, RulesAtOnce
from safelight.testing.samples import rendition

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
WITH, WITHOUT = "with", "without"
MANY = 10**9
SETTLES_S = 1.5
"""Longer than a period, so that every round holds the writing of its own views."""


class NoAudit:
    """ports.audit.Audit that notes nothing."""

    def note(self, event: AuditEvent, *, once: bool = False) -> None:
        """Let it go."""


async def serve(name: str, folder: Path) -> None:
    """Run one server with a protected image, saying first its port and the path that shows the image."""
    settings = Settings(_env_file=None, data=folder, address_downloads_per_minute=MANY, token_downloads_per_minute=MANY)
    migrate(folder / DATABASE_FILE)
    async with opened(settings, load_kinds(None), Addresses.of(settings, port=8080)) as world:
        path = await _protected(world)
        chosen = world if name == WITH else replace(world, audit=cast("Any", NoAudit()))
        app = with_request_id(
            cast("App", api_app(chosen, ready=readiness(world), policy=RulesAtOnce(), identities=None)),
            new_id=world.ids.new,
        )
        config = uvicorn.Config(app, port=0, ws="none", lifespan="off", access_log=False, log_level="critical")
        listening = config.bind_socket()
        print(listening.getsockname()[1], path, flush=True)
        await uvicorn.Server(config).serve([listening])


async def _protected(world: World) -> str:
    """Return the path, with its token, of a variant of a new protected image."""
    image = await image_in(world.records, State.PROCESSING, public=False, kind="private-photo", owner="42")
    async with world.records.transaction() as tx:
        await tx.add_rendition(rendition(image.id, "thumb", format="jpeg"), attempt=image.attempt)
        await tx.move(image.id, was=State.PROCESSING, now=State.READY)
    token = world.tokens.image_token(Purpose.READ, image.id, image.token_generation)
    return f"/v1/images/{image.id}/variants/thumb?read_token={token}"


@dataclass(frozen=True)
class Server:
    """A running server."""

    port: int
    path: str
    pid: int

    def cpu_seconds(self) -> float:
        """Return what it has used so far, in user and in kernel mode (proc(5))."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND

    async def shows(self, count: int) -> None:
        """Ask for the image so often, one after the other on one connection."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        for _ in range(count):
            writer.write(f"GET {self.path} HTTP/1.1\r\nhost: localhost\r\n\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 302"):
                raise RuntimeError(head.decode())
            await reader.readexactly(int(head.partition(b"content-length: ")[2].split(b"\r\n")[0] or b"0"))
        writer.close()


@contextmanager
def running(name: str, folder: Path) -> Iterator[Server]:
    """Run a server in a process of its own."""
    folder.mkdir()
    command = [sys.executable, __file__, "--serve", name, "--folder", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - ourselves
        try:
            port, path = (process.stdout.readline() if process.stdout else "").split()
            yield Server(int(port), path, process.pid)
        finally:
            process.terminate()


async def measured(server: Server, shows: int, connections: int) -> tuple[float, float]:
    """Return how many shows a second were answered, and how many microseconds of CPU each took."""
    begun, used = time.perf_counter(), server.cpu_seconds()
    await asyncio.gather(*(server.shows(shows // connections) for _ in range(connections)))
    took = time.perf_counter() - begun
    await asyncio.sleep(SETTLES_S)
    return shows / took, (server.cpu_seconds() - used) * 1e6 / shows


def events(folder: Path) -> int:
    """Return how many events were written."""
    with closing(sqlite3.connect(folder / DATABASE_FILE)) as database:
        return int(database.execute("SELECT count(*) FROM audit_event").fetchone()[0])


async def note_alone(folder: Path, count: int = 10_000) -> float:
    """Return how many microseconds of CPU it takes to note and write one view, of many in one transaction."""
    migrate(folder / DATABASE_FILE)
    event = AuditEvent(
        SystemClock().now(), Action.VIEWED, "token", ImageId("1" * 32), owner="42", target="variant:thumb"
    )
    audit = BufferedAudit(dropped=lambda _: None)
    async with open_records(folder / DATABASE_FILE, RecordingJobs()) as records:
        used = time.process_time()
        async with audit.writing(records, every=timedelta(hours=1)):
            for _ in range(count):
                audit.note(event)
    return (time.process_time() - used) * 1e6 / count


def compare(rounds: int, shows: int, connections: int) -> None:
    """Measure both in turn, and print medians and ratios."""
    shows -= shows % (4 * connections)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        servers = {name: stack.enter_context(running(name, Path(folder) / name)) for name in (WITHOUT, WITH)}
        for server in servers.values():
            asyncio.run(measured(server, shows // 4, connections))  # warm
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in servers}
        for _ in range(rounds):
            for name, server in servers.items():
                found[name].append(asyncio.run(measured(server, shows, connections)))
        written = events(Path(folder) / WITH)
    rate, cpu = ({name: statistics.median(one[i] for one in some) for name, some in found.items()} for i in (0, 1))
    for name in servers:
        print(f"{name:8} {rate[name]:8.0f} shows/s  {cpu[name]:7.0f} us CPU each")
    print(f"ratio    {rate[WITH] / rate[WITHOUT]:8.2f}          {cpu[WITH] / cpu[WITHOUT]:7.2f}")
    print(f"{written:,} views were noted, of {rounds * shows + shows // 4:,}")
    with tempfile.TemporaryDirectory() as empty:
        print(f"To note and write one of 10,000 alone takes {asyncio.run(note_alone(Path(empty))):.0f} us of CPU")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--shows", type=int, default=4000)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--serve", choices=[WITH, WITHOUT], help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        uvloop.run(serve(options.serve, options.folder))
    else:
        compare(options.rounds, options.shows, options.connections)


if __name__ == "__main__":
    main()
