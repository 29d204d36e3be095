"""The check of the scanners, against a ClamAV that is played."""

import asyncio
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from safelight.apps.doctor.finding import Level, Visit
from safelight.apps.doctor.scanner import scanners

MakeVisit = Callable[..., Visit]


@asynccontextmanager
async def clamav(*, stream_max_bytes: int) -> AsyncIterator[str]:
    """Answer as ClamAV does; give the address."""

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if await reader.readuntil(b"\0") == b"zPING\0":
            writer.write(b"PONG\0")
        else:
            received = 0
            while length := struct.unpack("!L", await reader.readexactly(4))[0]:
                await reader.readexactly(length)
                received += length
            too_large = received > stream_max_bytes
            writer.write(b"INSTREAM size limit exceeded. ERROR\0" if too_large else b"stream: OK\0")
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(meet, "127.0.0.1", 0) as server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


def kinds_file(folder: Path, scan: str) -> Path:
    """Return a file with two kinds, of 3 and 2 megabytes at the most, both scanned so."""
    path = folder / "images.py"
    path.write_text(
        "from safelight import ClamAV, Kind, fit\n"
        "async def own(source): return True\n"
        f"a = Kind('avatar', max_bytes='3MB', scan={scan}, variants={{'v': fit(100)}})\n"
        f"b = Kind('banner', max_bytes='2MB', scan={scan}, variants={{'v': fit(100)}})\n"
    )
    return path


async def test_a_clamav_that_takes_the_largest_file_is_well(visit: MakeVisit, tmp_path: Path):
    async with clamav(stream_max_bytes=3_000_000) as address:
        (finding,) = await scanners(visit(kinds=kinds_file(tmp_path, f"ClamAV({address!r})")))

    assert finding.level is Level.OK
    assert finding.seen == f"ClamAV at {address} scans files of 3,000,000 bytes (avatar, banner)"


async def test_a_clamav_that_takes_smaller_files_only_would_let_larger_ones_wait_for_ever(
    visit: MakeVisit, tmp_path: Path
):
    async with clamav(stream_max_bytes=2_999_999) as address:
        (finding,) = await scanners(visit(kinds=kinds_file(tmp_path, f"ClamAV({address!r})")))

    assert finding.level is Level.WRONG
    assert "StreamMaxLength 3000000" in finding.cure


async def test_a_clamav_that_does_not_answer_is_told_with_what_becomes_of_the_images(visit: MakeVisit, tmp_path: Path):
    path = kinds_file(tmp_path, f"ClamAV('{tmp_path}/clamd.ctl')")

    (waiting,) = await scanners(visit(kinds=path))
    (accepting,) = await scanners(visit(kinds=path, scanner_down="accept"))

    assert (waiting.level, accepting.level) == (Level.WRONG, Level.WRONG)
    assert waiting.seen.startswith("of avatar, banner: no connection to ClamAV at ")
    assert waiting.seen.endswith("their images wait")
    assert accepting.seen.endswith("their images are taken unscanned")
    assert "systemctl start clamav-daemon" in waiting.cure


async def test_where_no_kind_asks_clamav_there_is_nothing_to_tell(visit: MakeVisit, tmp_path: Path):
    assert await scanners(visit()) == []
    assert await scanners(visit(kinds=kinds_file(tmp_path, "own"))) == []
