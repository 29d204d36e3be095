"""The zygote: has loaded everything, runs nothing, forks one child for each job."""

import fcntl
import gc
import os
import socket
from collections.abc import Callable, Sequence
from pathlib import Path

from safelight.sandbox import protocol
from safelight.sandbox.protocol import Ended, Ready, Started

MAX_COMPLAINT_BYTES = 4096
"""Room for what a child writes to standard error; the rest is lost."""

Child = Callable[[bytes, Sequence[int], int], None]
"""Does the job of a packet with these files, and complains into the last; runs in the child."""


def serve(control: socket.socket, child: Child) -> None:
    """Take jobs from `control` until it is closed, one at a time, each in a child of its own."""
    assert_one_thread()
    gc.freeze()  # what is there now is never collected, so that children share its memory
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
    socket.send_fds(control, [protocol.encode(Started(pid))], [pidfd])
    for file in (pidfd, *files):
        os.close(file)
    _, status, used = os.wait4(pid, 0)
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


def _complaints() -> int:
    """Return a file for standard error that cannot grow."""
    file = os.memfd_create("complaints", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(file, MAX_COMPLAINT_BYTES)
    fcntl.fcntl(file, fcntl.F_ADD_SEALS, fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL)
    return file


def _read(complaints: int) -> str:
    """Return what was written, as visible ASCII, and close the file."""
    try:
        written = os.pread(complaints, MAX_COMPLAINT_BYTES, 0).rstrip(b"\0")
    finally:
        os.close(complaints)
    return written.decode("ascii", "backslashreplace")
