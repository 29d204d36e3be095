"""Scanning: nothing but a clear yes is clean; every other answer, and none, is the scanner's fault or the file's."""

import asyncio
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from safelight.adapters.scan.scanner import KindScanner
from safelight.domain.errors import ImageRejected, Reason, ScannerFailed, StorageFailed
from safelight.domain.hooks import ClamAV, Scan

FILE = (b"the first ", b"", b"x" * 300_000, b" and the last")
"""An empty piece among them: sent as it is, it would say that the file ends there."""

Talk = Callable[["Daemon", asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Daemon:
    """The other end of a connection, played by a test: `talk` is what it does after it has read the command."""

    talk: Talk
    address: str = ""
    commands: list[bytes] = field(default_factory=list)
    files: list[bytes] = field(default_factory=list)
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection, to its end."""
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            self.commands.append(await reader.readuntil(b"\0"))
            await self.talk(self, reader, writer)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
        self.over.set()

    async def receive(self, reader: asyncio.StreamReader) -> None:
        """Read a file to its end."""
        content = b""
        while length := struct.unpack("!L", await reader.readexactly(4))[0]:
            content += await reader.readexactly(length)
        self.files.append(content)


@asynccontextmanager
async def daemon(talk: Talk, *, socket: Path | None = None) -> AsyncIterator[Daemon]:
    """Serve on loopback, or on a Unix socket."""
    played = Daemon(talk)
    server = (
        await asyncio.start_unix_server(played.meet, socket)
        if socket
        else await asyncio.start_server(played.meet, "127.0.0.1", 0)
    )
    async with server:
        played.address = str(socket) if socket else f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield played
        finally:
            await played.over.wait()


def answering(answer: bytes) -> Talk:
    """Return a daemon's part: read the file, and say this."""

    async def talk(played: Daemon, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await played.receive(reader)
        writer.write(answer)

    return talk


def saying(answer: bytes) -> Talk:
    """Return a daemon's part: say this at once, and hang up."""

    async def talk(_played: Daemon, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await writer.drain()

    return talk


async def silent(_played: Daemon, reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Read, and say nothing."""
    while await reader.read(65_536):
        pass


async def pieces(content: Sequence[bytes | Exception] = FILE) -> AsyncIterator[bytes]:
    for piece in content:
        if isinstance(piece, Exception):
            raise piece
        yield piece


def scanner(*, timeout_s: float = 10) -> KindScanner:
    return KindScanner(timeout=timedelta(seconds=timeout_s))


async def scan_by(talk: Talk, *, timeout_s: float = 10) -> Daemon:
    """Have a file scanned by a daemon that does this."""
    async with daemon(talk) as played:
        await scanner(timeout_s=timeout_s).scan(ClamAV(played.address), pieces())
    return played


async def test_a_file_that_clamav_calls_ok_is_clean_and_was_sent_whole():
    played = await scan_by(answering(b"stream: OK\0"))

    assert (played.commands, played.files) == ([b"zINSTREAM\0"], [b"".join(FILE)])


async def test_clamav_may_listen_on_a_unix_socket(tmp_path: Path):
    async with daemon(answering(b"stream: OK\0"), socket=tmp_path / "clamd.ctl") as played:
        await scanner().scan(ClamAV(played.address), pieces())

    assert played.files == [b"".join(FILE)]


async def test_what_is_found_rejects_the_file_and_its_name_is_for_the_operator():
    with pytest.raises(ImageRejected) as rejected:
        await scan_by(answering(b"stream: Eicar-Signature FOUND\0"))

    assert rejected.value.reason is Reason.INFECTED
    assert "Eicar-Signature" in rejected.value.detail
    assert "Eicar" not in f"{rejected.value} {rejected.value.sentence}"


@pytest.mark.parametrize(
    ("part", "answer", "says"),
    [
        (answering, b"stream: Can't allocate memory ERROR\0", "Can't allocate memory ERROR"),
        (answering, b"INSTREAM size limit exceeded. ERROR\0", "StreamMaxLength"),
        (saying, b"INSTREAM size limit exceeded. ERROR\0", "StreamMaxLength"),
        (saying, b"", "hung up"),
        (answering, b"", "hung up"),
        (answering, b"stream: OK", "hung up"),
        (answering, b"UNKNOWN COMMAND\0", "UNKNOWN COMMAND"),
        (answering, b"\0", "''"),
        (answering, b"stream: OK\n\0", "OK"),
        (answering, b"x" * 100_000 + b"\0", "hung up"),
        (answering, b"\xff\x1b[2J\0", "x1b"),
    ],
)
async def test_any_other_answer_is_none(part: Callable[[bytes], Talk], answer: bytes, says: str):
    with pytest.raises(ScannerFailed) as failed:
        await scan_by(part(answer))

    assert says in failed.value.reason
    assert failed.value.reason.isprintable()


async def test_a_yes_before_the_whole_file_was_sent_is_none():
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"more"

    async with daemon(saying(b"stream: OK\0")) as played:
        with pytest.raises(ScannerFailed):
            await scanner().scan(ClamAV(played.address), endless())


async def test_a_daemon_that_says_nothing_is_waited_for_no_longer_than_the_time_for_a_file():
    with pytest.raises(ScannerFailed, match=r"longer than 0\.05 seconds"):
        await scan_by(silent, timeout_s=0.05)


async def test_where_nobody_listens_the_scanner_failed(unused_tcp_port: int, tmp_path: Path):
    for address in (f"127.0.0.1:{unused_tcp_port}", str(tmp_path / "clamd.ctl")):
        with pytest.raises(ScannerFailed, match="no connection"):
            await scanner().scan(ClamAV(address), pieces())
        with pytest.raises(ScannerFailed, match="no connection"):
            await scanner().see(ClamAV(address))


async def test_a_store_that_fails_is_not_taken_for_a_scanner_that_does():
    failure = StorageFailed(reason="the disk is gone")

    async with daemon(answering(b"stream: OK\0")) as played:
        with pytest.raises(StorageFailed):
            await scanner().scan(ClamAV(played.address), pieces([b"the first", failure]))

    assert played.files == []


async def test_clamav_that_answers_a_ping_is_there():
    async with daemon(saying(b"PONG\0")) as played:
        await scanner().see(ClamAV(played.address))

    assert played.commands == [b"zPING\0"]


@pytest.mark.parametrize("answer", [b"220 mail.example ESMTP\0", b"", b"\0", b"pong\0"])
async def test_what_does_not_answer_like_clamav_is_not_there(answer: bytes):
    async with daemon(saying(answer)) as played:
        with pytest.raises(ScannerFailed):
            await scanner().see(ClamAV(played.address))


async def test_a_daemon_that_hangs_is_not_there():
    async with daemon(silent) as played:
        with pytest.raises(ScannerFailed, match="longer than"):
            await scanner(timeout_s=0.05).see(ClamAV(played.address))


async def test_how_long_a_scan_took_is_noted_however_it_ended():
    noted: list[str] = []
    observed = KindScanner(timeout=timedelta(seconds=1), observe=lambda what, _seconds: noted.append(what))

    await observed.scan(clean_if_it_begins_well, pieces())
    with capture_logs(), pytest.raises(ScannerFailed):
        await observed.scan(raising, pieces())

    assert noted == ["file", "file"]


async def clean_if_it_begins_well(source: AsyncIterator[bytes]) -> bool:
    return (b"".join([piece async for piece in source])).startswith(b"the first")


async def raising(_source: AsyncIterator[bytes]) -> bool:
    raise TimeoutError("of my own")


async def test_a_function_reads_the_file_and_says_whether_it_is_clean():
    await scanner().see(clean_if_it_begins_well)
    await scanner().scan(clean_if_it_begins_well, pieces())

    with pytest.raises(ImageRejected) as rejected:
        await scanner().scan(clean_if_it_begins_well, pieces([b"something else"]))

    assert rejected.value.reason is Reason.INFECTED


def not_async(_source: AsyncIterator[bytes]) -> bool:
    return True


async def forgetful(_source: AsyncIterator[bytes]) -> None:
    """A verdict that was forgotten is none."""


async def truthy(_source: AsyncIterator[bytes]) -> str:
    return "False"


async def hanging(_source: AsyncIterator[bytes]) -> bool:
    await asyncio.Event().wait()
    return True


@pytest.mark.parametrize("function", [raising, not_async, forgetful, truthy, hanging])
async def test_whatever_else_a_function_does_is_no_verdict(function: Scan):
    with capture_logs(), pytest.raises(ScannerFailed):
        await scanner(timeout_s=0.05).scan(function, pieces())


async def test_a_function_that_swallows_the_stores_failure_decides_nothing():
    async def swallowing(source: AsyncIterator[bytes]) -> bool:
        try:
            return await clean_if_it_begins_well(source)
        except StorageFailed:
            return True

    with pytest.raises(StorageFailed):
        await scanner().scan(swallowing, pieces([b"the first", StorageFailed(reason="gone")]))


async def test_where_a_function_breaks_the_log_says():
    with capture_logs() as logs, pytest.raises(ScannerFailed, match="TimeoutError"):
        await scanner().scan(raising, pieces())

    assert [line["event"] for line in logs] == ["scan_function_raised"]
