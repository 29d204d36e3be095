"""A program of Safelight in a process of its own, that listens on loopback; for tests that go by HTTP."""

import os
import queue
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

START_WITHIN_S = 120
STOP_WITHIN_S = 60

LISTENS = re.compile(r"listens on (http://\S+),")

MODULE = ("-m", "safelight")
"""What Python runs as `safelight`."""


class Program:
    """`safelight` with these words and `--port`, on a free port that it keeps. Can be killed and started anew.

    `settings` are those of `safelight.settings`, by name, as text, and count more than `variables` of the environment.
    Standard error goes to `log_file`. `program` is what Python runs.
    """

    def __init__(
        self,
        words: Sequence[str],
        log_file: Path,
        settings: Mapping[str, str],
        *,
        variables: Mapping[str, str] | None = None,
        program: Sequence[str] = MODULE,
    ) -> None:
        self.url = ""
        self.log_file = log_file
        self._words = words
        self._environment = environment(settings, variables or {})
        self._program = program
        self._port = 0
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
        """The process id. The children of a worker are its zygotes, whose children render."""
        return self._running.pid

    @property
    def port(self) -> int:
        """The port, once it was started."""
        return self._port

    @property
    def log(self) -> str:
        """What was logged since the first start."""
        return self.log_file.read_text()

    @property
    def has_ended(self) -> bool:
        """Whether the process is no more."""
        return self._process is None or self._process.poll() is not None

    def start(self) -> None:
        """Start, and return as soon as it listens. Raises RuntimeError where it does not."""
        with self.log_file.open("a") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own program, with a test's words
                [sys.executable, *self._program, *self._words, "--port", str(self._port)],
                env=self._environment,
                cwd=self.log_file.parent,
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
            raise RuntimeError("the program was not started")
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
        with suppress(queue.Empty):  # it takes too long
            while (line := lines.get(timeout=START_WITHIN_S)) is not None:
                said += line
                if found := LISTENS.search(line):
                    return found[1]
        raise RuntimeError(f"safelight {self._words[0]} did not start: {said}{self.log}")

    def _read(self, lines: queue.Queue[str | None]) -> None:
        """Read until it ends: a pipe that nobody reads would fill up and stop it."""
        if self._running.stdout:
            try:
                for line in self._running.stdout:
                    lines.put(line)
            except ValueError:
                pass  # closed while it was read: the program has ended
        lines.put(None)


def environment(settings: Mapping[str, str], variables: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of this process, with these of Safelight and no others."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("SAFELIGHT_")}
    return {**inherited, **variables, **{f"SAFELIGHT_{name.upper()}": value for name, value in settings.items()}}
