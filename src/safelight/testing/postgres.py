"""A real Postgres for tests: Debian's on loopback, on a folder that dies with it; or the one that is named for tests.

with a_postgres() as postgres:
    url = postgres.create_database("one")
"""

import asyncio
import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

import asyncpg

from safelight.testing.debian import installed
from safelight.testing.ports import free_port

NAMED = "SAFELIGHT_TEST_DATABASE_URL"
"""Environment variable that names another server for tests: its user must be allowed to create databases."""

PACKAGE = "postgresql"
USER = "postgres"
VERSIONS = Path("/usr/lib/postgresql")
START_WITHIN_S = 60
STOP_WITHIN_S = 20

FASTER = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
"""What is lost with the power is lost with the test."""

ROOMY = {"max_connections": "200"}

NOTHING: Mapping[str, str] = {}


class PostgresServer:
    """A server. A context manager that installs, starts and ends it. Raises NotInstalled, RuntimeError.

    One that is `durable` keeps what it has committed, even when it is killed and started again; any other is faster.
    `options` are further parameters of Postgres, by name.
    """

    def __init__(self, *, durable: bool = False, options: Mapping[str, str] = NOTHING) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="safelight-postgres-"))  # where its own user may go as well
        self._options = {**ROOMY, **({} if durable else FASTER), **options}
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()

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
    def pid(self) -> int:
        """The process id; its children are the backends. Raises RuntimeError where it was not started."""
        if self._process is None:
            raise RuntimeError("postgres was not started")
        return self._process.pid

    @property
    def log(self) -> str:
        """What it has logged since the first start."""
        return (self._folder / "postgres.log").read_text()

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def start(self) -> None:
        """Start, also after a kill, and return when it answers."""
        end = time.monotonic() + START_WITHIN_S
        self._process = self._started()
        while not self._answers():
            if time.monotonic() > end:
                raise RuntimeError(f"postgres did not start: {self.log[-2000:]}")
            if self._process.poll() is not None:  # children of one that was killed may still be about
                self._process = self._started()
            time.sleep(0.05)

    def kill(self) -> None:
        """Kill it at once, as a power cut would: its children go with it. One that has ended stays so."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(STOP_WITHIN_S)
            self._process = None

    def create_database(self, name: str, *, template: str = "template0") -> str:
        """Make a database, a copy of another that nobody is connected to, and return its URL."""
        _at(self.url("postgres"), _creation(name, template))
        return self.url(name)

    def url(self, name: str) -> str:
        """Return the URL of a database."""
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{name}"

    def dump(self, name: str) -> str:
        """Return a database as SQL, table by table and row by row."""
        return self._run(
            "pg_dump", "--host", "127.0.0.1", "--port", str(self.port), "--inserts", "--no-owner", name
        )  # fmt: skip

    def _started(self) -> subprocess.Popen[bytes]:
        options = [word for name, value in self._options.items() for word in ("-c", f"{name}={value}")]
        listening = ["-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={self._folder}"]
        command = self._command("postgres", "-D", str(self._data), "-p", str(self.port), *listening, *options)
        with (self._folder / "postgres.log").open("ab") as log:
            return subprocess.Popen(command, stdout=log, stderr=log, cwd="/")  # noqa: S603 - Debian's program

    def _answers(self) -> bool:
        asked = self._command("pg_isready", "--quiet", "--host", "127.0.0.1", "--port", str(self.port))
        return subprocess.run(asked, check=False, cwd="/").returncode == 0  # noqa: S603 - Debian's program

    def _run(self, program: str, *words: str) -> str:
        done = subprocess.run(  # noqa: S603 - Debian's program
            self._command(program, *words), capture_output=True, text=True, check=False, cwd="/"
        )
        if done.returncode:
            raise RuntimeError(f"{program} failed: {done.stderr[-2000:]}")
        return done.stdout

    def _command(self, program: str, *words: str) -> Sequence[str]:
        """Return the words that run a program as Postgres's own user: it runs as root never."""
        user = pwd.getpwnam(USER)
        setpriv = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", "--"]
        return [*(setpriv if os.geteuid() == 0 else []), str(self._programs / program), *words]


class OtherPostgres:
    """A server that runs already. A context manager that drops the databases which were made of it."""

    def __init__(self, url: str) -> None:
        """Take the URL of any database of it, whose user may create others."""
        scheme, _, rest = url.partition("://")
        self._server, _, self._maintenance = rest.rpartition("/")
        self._scheme = scheme.removesuffix("+asyncpg")
        self._prefix = f"safelight_test_{secrets.token_hex(4)}_"
        self._made: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name in self._made:
            _at(self._url(self._maintenance), f'DROP DATABASE "{name}" WITH (FORCE)')

    def create_database(self, name: str, *, template: str = "template0") -> str:
        """Make a database, a copy of another that nobody is connected to, and return its URL."""
        source = self._prefix + template if self._prefix + template in self._made else template
        _at(self._url(self._maintenance), _creation(self._prefix + name, source))
        self._made.append(self._prefix + name)
        return self.url(name)

    def url(self, name: str) -> str:
        """Return the URL of a database that was made here."""
        return self._url(self._prefix + name)

    def _url(self, name: str) -> str:
        return f"{self._scheme}://{self._server}/{name}"


Postgres = PostgresServer | OtherPostgres
"""What tests make databases of."""


def a_postgres() -> Postgres:
    """Return the server that the environment names for tests, or else one of our own."""
    named = os.environ.get(NAMED)
    return OtherPostgres(named) if named else PostgresServer()


def _creation(name: str, template: str) -> str:
    return f'CREATE DATABASE "{name}" TEMPLATE "{template}"'


def _at(url: str, statement: str) -> None:
    """Run a statement outside of any transaction, whether or not an event loop runs in this thread."""

    async def run() -> None:
        connection = await asyncpg.connect(url)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    with ThreadPoolExecutor(1) as apart:
        apart.submit(asyncio.run, run()).result()


def _programs() -> Path:
    """Return the folder of the newest server's programs, after installing one where there is none."""
    installed("pg_ctlcluster", PACKAGE)  # Debian's own, which comes with any version
    return max(VERSIONS.glob("*/bin/postgres"), key=lambda path: int(path.parts[-3])).parent
