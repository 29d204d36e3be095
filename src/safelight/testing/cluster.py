"""Safelight as processes of their own, for tests: APIs, workers and upload services on one Postgres and one store.

with Cluster(folder, database_port=..., database="one", kinds=path) as cluster:
    httpx.post(f"{cluster.url}/v1/images", ...)
    cluster.workers[0].kill()
"""

import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from safelight.testing.ceph import CephServer
from safelight.testing.postgres import USER, PostgresServer
from safelight.testing.program import Program, environment
from safelight.testing.proxy import HOST, Proxy
from safelight.testing.server import API_KEY, PATIENCE, files_below

COMMAND_WITHIN_S = 60
ORIGIN = "https://app.example"

What = TypeVar("What")
Came = TypeVar("Came")

NOTHING: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Size:
    """How many processes of each part there are."""

    apis: int = 2
    workers: int = 2
    uploads: int = 1


class Cluster:
    """All parts, ready to be called at one address, and each to be killed, stopped and started anew.

    They reach Postgres and the store through proxies that can be cut: `to_database`, and `to_storage` where there is a
    `ceph`; without one the objects are in a folder, which `uploads` serves. Clients reach the APIs through a balancer
    at `url`, and the upload services through another. `settings` are those of `safelight.settings`, by name, as text.
    """

    def __init__(
        self,
        folder: Path,
        *,
        postgres: PostgresServer,
        database: str,
        kinds: Path,
        ceph: CephServer | None = None,
        size: Size | None = None,
        settings: Mapping[str, str] = NOTHING,
    ) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.key = API_KEY
        self._database = database
        self.database_url = postgres.create_database(database)
        self.to_database = Proxy(lambda: [postgres.port])
        self._ceph = ceph
        self.bucket = ceph.create_bucket() if ceph else None
        self.to_storage = Proxy(lambda: [ceph.port]) if ceph else None
        self._to_apis = Proxy(lambda: ports_of(self.apis))
        self._to_uploads = Proxy(lambda: ports_of(self.uploads))
        self._kinds = kinds
        self._size = size or Size()
        self._settings = settings
        self._stack = ExitStack()
        self.apis: list[Program] = []
        self.workers: list[Program] = []
        self.uploads: list[Program] = []

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            for proxy in filter(None, (self.to_database, self.to_storage, self._to_apis, self._to_uploads)):
                stack.enter_context(proxy)
            self.data.mkdir(parents=True, exist_ok=True)
            self._prepare()
            self._make_parts(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def url(self) -> str:
        """The address of the API as clients see it."""
        return f"http://{HOST}:{self._to_apis.port}"

    @property
    def keyring(self) -> Path:
        """The file of the signing keys."""
        return self.folder / "keyring.json"

    @property
    def parts(self) -> Sequence[Program]:
        """All processes."""
        return [*self.apis, *self.workers, *self.uploads]

    @property
    def settings(self) -> Mapping[str, str]:
        """The settings of every part."""
        common = {
            "data": str(self.data),
            "database_url": f"postgresql://{USER}@{HOST}:{self.to_database.port}/{self._database}",
            "keyring": str(self.keyring),
            "kinds": str(self._kinds),
            "public_url": self.url,
            "bootstrap_key": self.key,
            "min_free_bytes": "0",
            "allowed_origins": ORIGIN,
        }
        return {**common, **self._where_objects_are(), **self._settings}

    def run(self, *words: str) -> str:
        """Run a command of `safelight` beside the parts, and return what it prints. Raises RuntimeError."""
        done = subprocess.run(  # noqa: S603 - our own program, with a test's words
            [sys.executable, "-m", "safelight", *words],
            env=environment(self.settings, self._variables()),
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=COMMAND_WITHIN_S,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"safelight {words[0]} failed: {done.stdout}{done.stderr}")
        return done.stdout

    def stored(self) -> Sequence[Path]:
        """Return the files of the objects, where they are in a folder."""
        return files_below(self.data / "store" / "objects")

    def unfinished(self) -> Sequence[Path]:
        """Return the files that are being written, or that were left when their writer was killed."""
        return files_below(self.data / "store" / "tmp")

    def _prepare(self) -> None:
        """Do what is done once, before the first part is started."""
        commands: list[tuple[str, ...]] = [("signing-keys", "create", str(self.keyring)), ("migrate",)]
        if self._ceph:
            commands.append(("storage", "setup", "--apply", "--yes"))
        at_once(lambda words: self.run(*words), commands)

    def _make_parts(self, stack: ExitStack) -> None:
        size = self._size
        self.apis = [self._part("api", number) for number in range(size.apis)]
        self.workers = [self._part("worker", number) for number in range(size.workers)]
        self.uploads = [] if self._ceph else [self._part("uploads", number) for number in range(size.uploads)]
        for program in self.parts:
            stack.callback(program.kill)
        at_once(Program.start, self.parts)

    def _part(self, word: str, number: int) -> Program:
        return Program(
            [word],
            self.folder / f"{word}-{number + 1}.log",
            self.settings,
            variables=self._variables(),
        )

    def _variables(self) -> Mapping[str, str]:
        return {**PATIENCE, **(self._ceph.environment if self._ceph else {})}

    def _where_objects_are(self) -> Mapping[str, str]:
        if self._ceph is None or self.bucket is None or self.to_storage is None:
            return {"uploads_url": f"http://{HOST}:{self._to_uploads.port}"}
        through = f"http://{HOST}:{self.to_storage.port}"
        return {"storage_url": self._ceph.storage_url(self.bucket).replace(self._ceph.endpoint, through)}


def at_once(act: Callable[[What], Came], those: Sequence[What]) -> list[Came]:
    """Do the same with several things at once, and return what came of each: most of the time is waiting."""
    with ThreadPoolExecutor(len(those)) as threads:
        return list(threads.map(act, those))


def ports_of(programs: Sequence[Program]) -> list[int]:
    """Return the ports that the processes listen on, or will again."""
    return [program.port for program in programs if program.port]
