"""A slot: one zygote, and the one child that it has at a time."""

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from datetime import timedelta
from typing import TypeVar

import structlog

from safelight.domain.errors import RenderingFailed
from safelight.sandbox import protocol
from safelight.sandbox.protocol import Ended, Ready, Started
from safelight.worker.child import Child, Ending, Stop

COMMAND = (sys.executable, "-I", "-B", "-m", "safelight.sandbox")
"""Isolated: no variable, no folder of this program and no user's packages change what the zygote loads."""

MALLOC = "hugetlb=1 mmap_threshold=33554432 trim_threshold=67108864 top_pad=16777216"
"""Settings of glibc's malloc. A child lives for one image: memory that it gave back, it would only have to fetch again.

Saves 6 to 10 % of the CPU on photos of 12 megapixels, for 7 MiB more.
"""

ENVIRONMENT = {
    "PATH": os.defpath,
    "LC_ALL": "C.UTF-8",
    "VIPS_CONCURRENCY": "1",
    "MALLOC_ARENA_MAX": "2",
    "GLIBC_TUNABLES": ":".join(f"glibc.malloc.{setting}" for setting in MALLOC.split()),
}
"""All that the zygote gets of the environment: this process holds secrets in its own."""

START_TIMEOUT = timedelta(seconds=30)
"""Time for a zygote to load the image libraries. Usually a quarter of a second."""

NOTICE_TIMEOUT = timedelta(seconds=10)
"""Time for a zygote to fork, or to reap a child that was killed."""

STOP_TIMEOUT = timedelta(seconds=2)
"""Time for a zygote to end its child, and what that one left behind. Usually some milliseconds."""

WATCH_EVERY = timedelta(milliseconds=50)
"""How often a child is looked after. What it may have written until then is memory of this machine."""

log = structlog.get_logger()

Says = TypeVar("Says", Ready, Started, Ended)


class Slot:
    """Runs one child after the other. A zygote that died is replaced when it is next needed."""

    def __init__(self, command: Sequence[str] = COMMAND) -> None:
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._lost = False

    @property
    def pid(self) -> int | None:
        """The process id of the zygote, whose child process is the one that renders; None where there is none."""
        return self._process.pid if self._process else None

    async def start(self) -> None:
        """Start the zygote, unless one is there. Raises RenderingFailed."""
        if self._process is not None and self._process.poll() is None:
            return
        self._discard()
        replaced, self._lost = self._lost, False
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control.settimeout(0)
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603, ASYNC220 - our own words, and 2 ms
                self._command,
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                env=ENVIRONMENT,
                cwd="/",
                start_new_session=True,
            )
        try:
            await self._receive(Ready, START_TIMEOUT)
        except TimeoutError:
            self._discard()
            raise RenderingFailed("the zygote did not start in time") from None
        except BaseException:
            self._discard()
            raise
        if replaced:
            log.warning("zygote_replaced", pid=self.pid)

    async def run(self, child: Child) -> Ending | None:
        """Run a child to its end; None where it is not wanted any more, and its files may be closed.

        Raises RenderingFailed, after which the next child gets a new zygote.
        """
        await self.start()
        if child.stopped:
            return None
        answers, childs_end = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK | os.O_DIRECT)
        try:
            self._send(child, childs_end)
            return await self._attend(child, answers)
        except TimeoutError:
            self._discard()
            raise RenderingFailed("the zygote did not answer in time") from None
        except BaseException:
            self._discard()
            raise
        finally:
            os.close(answers)

    def stop(self) -> None:
        """End the zygote, and with it its child and whatever that one started."""
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._process is not None:
            try:
                self._process.wait(STOP_TIMEOUT.total_seconds())
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None

    def _discard(self) -> None:
        """End a zygote that died, or that something went wrong with: the log is told when another takes its place."""
        self._lost = self._lost or self._process is not None
        self.stop()

    def _send(self, child: Child, answers: int) -> None:
        """Send the job with its files. The socket is empty between two jobs, so this never blocks."""
        try:
            os.set_blocking(answers, True)
            socket.send_fds(self._connection, [child.job], [answers, *child.files])
        except OSError as error:
            raise RenderingFailed(f"the zygote takes no job: {error}") from error
        finally:
            os.close(answers)

    async def _attend(self, child: Child, answers: int) -> Ending:
        """Hear what the child says while waiting for its end, and end it where that takes too long."""
        _, files = await self._receive(Started, NOTICE_TIMEOUT)
        child.born(*files)
        loop = asyncio.get_running_loop()

        def hear() -> None:
            if not child.hear(answers):
                loop.remove_reader(answers)

        loop.add_reader(answers, hear)
        watching = asyncio.create_task(_watch(child))
        try:
            return await self._ending(child)
        finally:
            watching.cancel()
            loop.remove_reader(answers)
            child.hear(answers)

    async def _ending(self, child: Child) -> Ending:
        try:
            ended, _ = await self._receive(Ended, child.allowance.timeout)
        except TimeoutError:
            child.kill(Stop.TIMED_OUT)
            ended, _ = await self._receive(Ended, NOTICE_TIMEOUT)
        return Ending(ended, child.allowance, child.stopped)

    async def _receive(self, expected: type[Says], within: timedelta) -> tuple[Says, list[int]]:
        """Return the zygote's next notice and the files with it. Raises TimeoutError, RenderingFailed."""
        async with asyncio.timeout(within.total_seconds()):
            packet, files = await self._packet()
        notice = protocol.decode_notice(packet) if packet else None
        if not isinstance(notice, expected):
            raise RenderingFailed("the zygote died" if notice is None else f"the zygote said {notice}")
        return notice, files

    async def _packet(self) -> tuple[bytes, list[int]]:
        """Return the next packet: an empty one when the zygote has died."""
        while True:
            try:
                packet, files, _, _ = socket.recv_fds(
                    self._connection, protocol.MAX_PACKET_BYTES, 1, socket.MSG_CMSG_CLOEXEC
                )
            except BlockingIOError:
                await _readable(self._connection)
            except ConnectionError:
                return b"", []
            else:
                return packet, files

    @property
    def _connection(self) -> socket.socket:
        if self._control is None:
            raise RenderingFailed("the zygote was stopped")
        return self._control


async def _watch(child: Child) -> None:
    """End the child as soon as it has written more than it may."""
    while True:
        child.see_what_it_wrote()
        await asyncio.sleep(WATCH_EVERY.total_seconds())


async def _readable(connection: socket.socket) -> None:
    """Wait until something can be read: the loops' own sock_recv takes no files."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(connection, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(connection)
