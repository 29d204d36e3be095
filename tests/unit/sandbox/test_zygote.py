"""The zygote: what it is before it serves, and how it ends."""

import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from safelight.sandbox import protocol, zygote
from safelight.sandbox.protocol import Ready
from safelight.worker.slot import COMMAND, ENVIRONMENT


@pytest.fixture
def running() -> Iterator[tuple[subprocess.Popen[bytes], socket.socket]]:
    """A zygote that is ready, and this end of its socket."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, subprocess.Popen(COMMAND, stdin=theirs, env=ENVIRONMENT) as process:  # noqa: S603 - our own program
        theirs.close()
        ours.settimeout(30)
        assert protocol.decode_notice(ours.recv(1000)) == Ready()
        yield process, ours
        process.kill()


def test_a_zygote_has_one_thread_when_it_is_ready(running: tuple[subprocess.Popen[bytes], socket.socket]) -> None:
    process, _ = running

    assert len(list(Path(f"/proc/{process.pid}/task").iterdir())) == 1


def test_a_zygote_ends_when_its_worker_hangs_up(running: tuple[subprocess.Popen[bytes], socket.socket]) -> None:
    process, control = running

    control.close()

    assert process.wait(timeout=10) == 0


def test_what_a_child_complained_of_can_be_shown_on_a_terminal() -> None:
    complaints = os.memfd_create("complaints")
    os.write(complaints, "\x1b[2Jall is well\r\n\x7f\x9b é\0\0".encode())

    said = zygote._read(complaints)  # noqa: SLF001 - its other way in is a child that is out of its mind

    assert said == r"\x1b[2Jall is well\x0d\x0a\x7f\xc2\x9b \xc3\xa9"


def test_a_zygote_with_threads_does_not_serve() -> None:
    """Forking it would copy their locks, locked for ever."""
    waiting = threading.Event()
    thread = threading.Thread(target=waiting.wait)
    thread.start()
    try:
        with pytest.raises(RuntimeError, match="one thread"):
            zygote.assert_one_thread()
    finally:
        waiting.set()
        thread.join()
