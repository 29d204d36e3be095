"""A real Postgres on loopback, for tests: Debian's, on a folder of its own that dies with it.

with PostgresServer(folder) as postgres:
url = postgres.create_database("one")
"""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from safelight.testing.debian import installed

PACKAGE = "postgresql"
USER = "postgres"
VERSIONS = Path("/usr/lib/postgresql")
START_WITHIN_S = 60
STOP_WITHIN_S = 20

FASTER = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_connections": "200"}
"""What is lost with the power is lost with the test."""


class PostgresServer:
    """A server. A context manager that installs, starts and ends it. Raises NotInstalled, RuntimeError."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="safelight-postgres-"))  # where its own user may go as well
        self._process: subprocess.Popen[bytes] | None = None
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port: int = free.getsockname()[1]

    def __enter__(self) -> Self:
        self._programs = _programs()
        if os.geteuid() == 0:
            shutil.chown(self._folder, USER)
        self._run("initdb", "--pgdata", str(self._data), "--auth", "trust", "--no-sync", "--encoding", "UTF8")
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        shutil.rmtree(self._folder)

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def start(self) -> None:
        """Start, and return when it answers."""
        options = [word for name, value in FASTER.items() for word in ("-c", f"{name}={value}")]
        listening = ["-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={self._folder}"]
        command = self._command("postgres", "-D", str(self._data), "-p", str(self._port), *listening, *options)
        with (self._folder / "postgres.log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd="/")  # noqa: S603 - Debian's program
        end = time.monotonic() + START_WITHIN_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"postgres did not start: {(self._folder / 'postgres.log').read_text()[-2000:]}")
            time.sleep(0.05)

    def kill(self) -> None:
        """Kill it at once, as a power cut would: its children go with it. One that has ended stays so."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(STOP_WITHIN_S)
            self._process = None

    def create_database(self, name: str, *, template: str = "template0") -> str:
        """Make a database, a copy of another, and return its URL."""
        self._run(
            "createdb", "--host", "127.0.0.1", "--port", str(self._port), "--template", template, "--strategy",
            "wal_log", name,
        )  # fmt: skip
        return self.url(name)

    def url(self, name: str) -> str:
        """Return the URL of a database."""
        return f"postgresql+asyncpg://{USER}@127.0.0.1:{self._port}/{name}"

    def _answers(self) -> bool:
        asked = self._command("pg_isready", "--quiet", "--host", "127.0.0.1", "--port", str(self._port))
        return subprocess.run(asked, check=False, cwd="/").returncode == 0  # noqa: S603 - Debian's program

    def _run(self, program: str, *words: str) -> None:
        done = subprocess.run(  # noqa: S603 - Debian's program
            self._command(program, *words), capture_output=True, text=True, check=False, cwd="/"
        )
        if done.returncode:
            raise RuntimeError(f"{program} failed: {done.stderr[-2000:]}")

    def _command(self, program: str, *words: str) -> Sequence[str]:
        """Return the words that run a program as Postgres's own user: it runs as root never."""
        user = pwd.getpwnam(USER)
        setpriv = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", "--"]
        return [*(setpriv if os.geteuid() == 0 else []), str(self._programs / program), *words]


def _programs() -> Path:
    """Return the folder of the newest server's programs, after installing one where there is none."""
    installed("pg_ctlcluster", PACKAGE)  # Debian's own, which comes with any version
    return max(VERSIONS.glob("*/bin/postgres"), key=lambda path: int(path.parts[-3])).parent
