"""A whole Safelight in a process of its own, for tests that go by HTTP."""

import os
import queue
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

API_KEY = "sl_00000000000070008000000000000001_only-for-tests-0123456789-abcdefghij"

PATIENCE = {
    "SAFELIGHT_ADDRESS_CALLS_PER_MINUTE": "1000000",
    "SAFELIGHT_ADDRESS_BAD_KEYS_PER_MINUTE": "1000000",
    "SAFELIGHT_ADDRESS_DOWNLOADS_PER_MINUTE": "1000000",
    "SAFELIGHT_TOKEN_DOWNLOADS_PER_MINUTE": "1000000",
}
"""Tests all call from one address, and more often than people do."""

START_WITHIN_S = 60
STOP_WITHIN_S = 30

LISTENS = re.compile(r"listens on (http://\S+),")


def files_below(folder: Path) -> list[Path]:
    """Return every file below a folder of a server that runs: what is tidied away meanwhile is left out."""
    return [Path(parent, name) for parent, _, names in os.walk(folder) for name in names]


class Server:
    """`safelight up` on a free port of loopback, on the data folder `data`. Can be killed and started anew.

    `settings` are those of `safelight.settings`, by name, as text; `program` is what Python runs as `safelight`.
    """

    def __init__(
        self, data: Path, settings: Mapping[str, str] | None = None, *, program: Sequence[str] = ("-m", "safelight")
    ) -> None:
        self.data = data
        self.key = API_KEY
        self.url = ""
        self._port = 0
        self.log_file = data.with_name(f"{data.name}.log")
        self._settings = dict(settings or {})
        self._program = program
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    @property
    def pid(self) -> int:
        """The process id. Its children are the zygotes, whose children render."""
        return self._running.pid

    @property
    def log(self) -> str:
        """What was logged since the first start."""
        return self.log_file.read_text()

    def stored(self, part: str = "") -> list[Path]:
        """Return what lies in the store, or in a part of it."""
        return files_below(self.data / "store" / part)

    def start(self) -> None:
        """Start, and return as soon as it listens. Raises RuntimeError where it does not."""
        names = {f"SAFELIGHT_{name.upper()}": value for name, value in self._settings.items()}
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("SAFELIGHT_")}
        with self.log_file.open("a") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own program, with a test's words
                [sys.executable, *self._program, "up", "--port", str(self._port), "--data", str(self.data)],
                env=inherited | PATIENCE | {"SAFELIGHT_BOOTSTRAP_KEY": self.key} | names,
                cwd=self.data.parent,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        try:
            self.url = self._said_address()
        except BaseException:
            self.kill()
            raise
        self._port = int(self.url.rpartition(":")[2])

    def stop(self) -> int:
        """Ask it to end, and return its exit status."""
        self._running.send_signal(signal.SIGTERM)
        return self._ended()

    def kill(self) -> None:
        """Kill it at once, as a power cut would. One that has ended stays so."""
        if self._process is not None:
            self._process.kill()
            self._ended()

    @property
    def _running(self) -> subprocess.Popen[str]:
        if self._process is None:
            raise RuntimeError("the server was not started")
        return self._process

    def _ended(self) -> int:
        status = self._running.wait(STOP_WITHIN_S)
        if self._running.stdout:
            self._running.stdout.close()
        return status

    def _said_address(self) -> str:
        """Return the address that it prints as soon as it listens."""
        lines: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=self._read, args=(lines,), daemon=True).start()
        said = ""
        while (line := lines.get(timeout=START_WITHIN_S)) is not None:
            said += line
            if found := LISTENS.search(line):
                return found[1]
        raise RuntimeError(f"the server did not start: {said}{self.log}")

    def _read(self, lines: queue.Queue[str | None]) -> None:
        """Read until it ends: a pipe that nobody reads would fill up and stop it."""
        if self._running.stdout:
            try:
                for line in self._running.stdout:
                    lines.put(line)
            except ValueError:
                pass  # closed while it was read: the server has ended
        lines.put(None)
