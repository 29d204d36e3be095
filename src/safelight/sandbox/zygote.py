"""The zygote: has loaded everything, runs nothing, forks one child for each job."""

import contextlib
import fcntl
import gc
import os
import select
import signal
import socket
from collections.abc import Callable, Sequence
from pathlib import Path

from safelight.sandbox import protocol
from safelight.sandbox.protocol import Ended, Ready, Started

MAX_COMPLAINT_BYTES = 4096
"""Room for what a child writes to standard error; the rest is lost."""

VISIBLE = range(0x20, 0x7F)
"""Bytes that a terminal shows and does not obey."""

Child = Callable[[bytes, Sequence[int], int], None]
"""Does the job of a packet with these files, and complains into the last; runs in the child."""


def serve(control: socket.socket, child: Child) -> None:
    """Take jobs from `control` until it is closed, one at a time, each in a child of its own.

    Nothing that a child started outlives its job.
    """
    assert_one_thread()
    gc.freeze()  # what is there now is never collected, so that children share its memory
    with contextlib.suppress(ConnectionError):  # the worker is gone
        control.sendall(protocol.encode(Ready()))
        while True:
            packet, files, _, _ = socket.recv_fds(
                control, protocol.MAX_PACKET_BYTES, protocol.MAX_FILES, socket.MSG_CMSG_CLOEXEC
            )
            if not packet:
                return
            _run(control, packet, files, child)


def assert_one_thread() -> None:
    """Raise RuntimeError where this process has threads: after fork() their locks would stay locked for ever.

    Loading libvips starts none; running any pipeline does.
    """
    threads = len(list(Path("/proc/self/task").iterdir()))
    if threads != 1:
        message = f"a zygote must have one thread, and has {threads}"
        raise RuntimeError(message)


def _run(control: socket.socket, packet: bytes, files: Sequence[int], child: Child) -> None:
    complaints = _complaints()
    pid = os.fork()
    if pid == 0:
        try:
            child(packet, files, complaints)
        finally:
            os._exit(1)
    pidfd = os.pidfd_open(pid)
    try:
        socket.send_fds(control, [protocol.encode(Started(pid))], [pidfd])
        _wait_for_end(pidfd, control)
    finally:
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)
        for file in (pidfd, *files):
            os.close(file)
        _, status, used = os.wait4(pid, 0)
        _end_strays()
    control.sendall(
        protocol.encode(
            Ended(
                code=os.waitstatus_to_exitcode(status),
                cpu_seconds=used.ru_utime + used.ru_stime,
                peak_bytes=used.ru_maxrss * 1024,
                complaint=_read(complaints),
            )
        )
    )


def _wait_for_end(pidfd: int, control: socket.socket) -> None:
    """Wait until the child has ended, or the worker has hung up."""
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    poll.register(control, 0)  # heard of when it is hung up, and else of nothing
    poll.poll()


def _end_strays() -> None:
    """End what the child started and left behind: its orphans became ours, and theirs become so as they die."""
    while strays := _children():
        for stray in strays:
            os.kill(stray, signal.SIGKILL)
        for stray in strays:
            os.waitpid(stray, 0)


def _children() -> list[int]:
    return [int(pid) for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()]


def _complaints() -> int:
    """Return a file for standard error that cannot grow."""
    file = os.memfd_create("complaints", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(file, MAX_COMPLAINT_BYTES)
    fcntl.fcntl(file, fcntl.F_ADD_SEALS, fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL)
    return file


def _read(complaints: int) -> str:
    """Return what was written, as visible ASCII in one line, and close the file.

    An operator's terminal would obey whatever else stands there.
    """
    try:
        written = os.pread(complaints, MAX_COMPLAINT_BYTES, 0).rstrip(b"\0")
    finally:
        os.close(complaints)
    return "".join(chr(byte) if byte in VISIBLE else f"\\x{byte:02x}" for byte in written)
