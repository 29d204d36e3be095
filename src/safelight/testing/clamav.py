"""A real ClamAV on loopback, for tests: installed where it is missing, and with one signature of its own.

    with ClamAVDaemon(folder) as clamav:
        Kind("photo", scan=ClamAV(clamav.address), ...)

It knows nothing but `HARMFUL`: a file that holds these bytes is infected.
"""

import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from safelight.testing.debian import installed
from safelight.testing.ports import free_port

HARMFUL = b"safelight-test-harmful-7f3a"
SIGNATURE = "Safelight.Test.Harmful"
MAX_STREAM_BYTES = 5_000_000

PROGRAM, PACKAGE = "clamd", "clamav-daemon"
START_WITHIN_S = 60
STOP_WITHIN_S = 20


class ClamAVDaemon:
    """A clamd in `folder`, on one port as long as it lives. A context manager that installs, starts and ends it.

    Raises NotInstalled, RuntimeError where it does not start.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._port = free_port()

    def __enter__(self) -> Self:
        self._program = installed(PROGRAM, PACKAGE)
        self._configure()
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    @property
    def address(self) -> str:
        """Where it listens, as `ClamAV(...)` takes it."""
        return f"127.0.0.1:{self._port}"

    def start(self) -> None:
        """Start, and return when it answers. One that runs already stays so."""
        if self._process is not None:
            return
        with (self._folder / "clamd.log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - the program that was just looked up
                [self._program, "--config-file", str(self._folder / "clamd.conf")], stdout=log, stderr=log
            )
        end = time.monotonic() + START_WITHIN_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > end:
                self.kill()
                raise RuntimeError(f"clamd did not start: {(self._folder / 'clamd.log').read_text()}")
            time.sleep(0.05)

    def kill(self) -> None:
        """Kill it at once. One that has ended stays so."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(STOP_WITHIN_S)
            self._process = None

    def _configure(self) -> None:
        signatures = self._folder / "signatures"
        signatures.mkdir(parents=True)
        (signatures / "test.ndb").write_text(f"{SIGNATURE}:0:*:{HARMFUL.hex()}\n")
        settings = {
            "Foreground": "yes",
            "TCPAddr": "127.0.0.1",
            "TCPSocket": self._port,
            "DatabaseDirectory": signatures,
            "TemporaryDirectory": self._folder,
            "StreamMaxLength": MAX_STREAM_BYTES,
            "SelfCheck": 0,
        }
        lines = [f"{name} {value}\n" for name, value in settings.items()]
        (self._folder / "clamd.conf").write_text("".join(lines))

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self._port), timeout=1) as connection:
                connection.sendall(b"zPING\0")
                return connection.recv(16) == b"PONG\0"
        except OSError:
            return False
