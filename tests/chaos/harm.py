"""What is done to the servers: everything that a bad night may bring, one thing every few seconds."""

import os
import random
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

from chaos.disk import SmallDisk
from chaos.sights import Service
from safelight.testing.ceph import CephServer
from safelight.testing.cluster import Cluster
from safelight.testing.postgres import PostgresServer
from safelight.testing.program import Program
from safelight.testing.proxy import Proxy

DOWN_AT_MOST_S = 1.5
"""How long what was killed stays down, before whatever looks after it starts it again."""

MOST_STARTS = 20
"""How often it is tried to start one again."""

STALL_S = 4.0
WATCHED_FOR_S = 10.0
FULL_FOR_S = 6.0

ALL = tuple(Service)

Server = TypeVar("Server")


@dataclass(frozen=True, slots=True)
class Event:
    """Something that was done, when it began on the clock of `time.monotonic`, and what it keeps from whom."""

    what: str
    begun: float
    affects: Sequence[tuple[str, Service]]


@dataclass(frozen=True, slots=True)
class Harm:
    """One way to do harm. `act` returns what it did it to, or None where there was nothing to do it to."""

    name: str
    weight: int
    act: Callable[[], str | None]
    affects: Sequence[tuple[str, Service]] = ()


@dataclass
class Servers:
    """Everything that there is to be hurt: clusters by name, of which one has its objects on a `disk` of its own."""

    clusters: dict[str, Cluster]
    postgres: PostgresServer
    ceph: CephServer
    disk: SmallDisk
    lease_s: float


@dataclass
class Chaos:
    """Does harm to the servers by chance, and sees that what was killed is started again."""

    servers: Servers
    chance: random.Random
    tell: Callable[[str], None]
    events: list[Event] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    """What did not start again, or could not be done: a fault of the system or of this program."""

    def __post_init__(self) -> None:
        self._busy = dict[int, threading.Lock]()
        self._hands = ThreadPoolExecutor(16, thread_name_prefix="harm")
        self._under_way: list[Future[None]] = []

    def run(self, seconds: float, pauses: tuple[float, float]) -> None:
        """Do harm for so long, then wait until everything is started again.

        What takes long is done once each: a worker is stopped beyond its lease, the disk is filled.
        """
        begun = time.monotonic()
        outlive = Harm("worker stopped beyond its lease", 0, self._outlive_lease, _of("disk", Service.IMAGE))
        fill = Harm("disk full", 0, self._fill_disk, _of("disk", Service.UPLOAD, Service.IMAGE))
        once = [(0.25, outlive), (0.5, fill)]
        harms = self._harms()
        while (passed := time.monotonic() - begun) < seconds:
            if once and passed >= once[0][0] * seconds:
                self._begin(once.pop(0)[1])
            else:
                self._begin(*self.chance.choices(harms, [harm.weight for harm in harms]))
            time.sleep(self.chance.uniform(*pauses))
        for harm in once:
            self._begin(harm[1])
        for done in self._under_way:
            done.result()
        self._hands.shutdown()

    def _begin(self, harm: Harm) -> None:
        self._under_way.append(self._hands.submit(self._do, harm))

    def _do(self, harm: Harm) -> None:
        begun = time.monotonic()
        try:
            done_to = harm.act()
        except Exception as error:  # noqa: BLE001 - the report tells
            self.broken.append(f"{harm.name}: {error}")
            self.tell(f"{harm.name}: {error!r}")
            return
        if done_to is not None:
            self.events.append(Event(harm.name, begun, harm.affects))

    def _harms(self) -> list[Harm]:
        """Return what is done by chance, with how often."""
        servers = self.servers
        everything = [(name, service) for name in servers.clusters for service in ALL]
        harms = [
            Harm("postgres killed", 3, self._kill_postgres, everything),
            Harm("postgres backend killed", 3, self._kill_backend, everything),
            Harm("storage gateway killed", 4, self._kill_ceph, _of("s3", Service.UPLOAD, Service.IMAGE)),
        ]
        for name, cluster in servers.clusters.items():
            calls, images = _of(name, Service.CALL), _of(name, Service.IMAGE)
            harms += [
                Harm("API killed", 4, partial(self._kill_one, cluster.apis), calls),
                Harm("API restarted", 2, partial(self._restart_one, cluster.apis), calls),
                Harm("worker killed", 5, partial(self._kill_one, cluster.workers), images),
                Harm("worker restarted", 2, partial(self._restart_one, cluster.workers), images),
                Harm("zygote killed", 3, partial(self._kill_below, cluster, 1), images),
                Harm("sandbox child killed", 4, partial(self._kill_below, cluster, 2), images),
                Harm(
                    "database cut off", 3, partial(self._cut, f"{name} and Postgres", cluster.to_database), _every(name)
                ),
                Harm(
                    "database silent",
                    2,
                    partial(self._stall, f"{name} and Postgres", cluster.to_database),
                    _every(name),
                ),
            ]
            if cluster.to_storage is not None:
                line = cluster.to_storage
                harms += [
                    Harm(
                        "storage cut off",
                        3,
                        partial(self._cut, f"{name} and its storage", line),
                        _of(name, Service.UPLOAD),
                    ),
                    Harm(
                        "storage silent",
                        2,
                        partial(self._stall, f"{name} and its storage", line),
                        _of(name, Service.UPLOAD),
                    ),
                ]
            if cluster.uploads:
                uploads = _of(name, Service.UPLOAD)
                harms += [
                    Harm("uploads killed", 4, partial(self._kill_one, cluster.uploads), uploads),
                    Harm("uploads restarted", 2, partial(self._restart_one, cluster.uploads), uploads),
                ]
        return harms

    # Deeds

    def _kill_one(self, programs: Sequence[Program]) -> str | None:
        with self._taken(programs) as program:
            if program is None:
                return None
            self.tell(f"kill -9 {_name(program)}")
            program.kill()
            self._wait_and_start(program)
            return _name(program)

    def _restart_one(self, programs: Sequence[Program]) -> str | None:
        with self._taken(programs) as program:
            if program is None:
                return None
            self.tell(f"SIGTERM {_name(program)}")
            begun = time.monotonic()
            try:
                if status := program.stop():
                    self.broken.append(f"{_name(program)} ended with {status} after SIGTERM")
            except subprocess.TimeoutExpired:
                self.broken.append(f"{_name(program)} did not end after SIGTERM")
                program.kill()
            self.tell(f"{_name(program)} ended {time.monotonic() - begun:.1f} s after SIGTERM")
            self._wait_and_start(program)
            return _name(program)

    def _kill_below(self, cluster: Cluster, generation: int) -> str | None:
        """Kill a zygote, or what it has forked, as soon as there is one: a child may live for a tenth of a second."""
        until = time.monotonic() + WATCHED_FOR_S
        while time.monotonic() < until:
            pids = [worker.pid for worker in cluster.workers if not worker.has_ended]
            for _ in range(generation):
                pids = [child for pid in pids for child in children_of(pid)]
            with suppress(IndexError, ProcessLookupError):
                pid = self.chance.choice(pids)
                os.kill(pid, signal.SIGKILL)
                self.tell(f"kill -9 {('zygote', 'sandbox child')[generation - 1]} {pid}")
                return str(pid)
            time.sleep(0.01)
        return None

    def _kill_postgres(self) -> str | None:
        postgres = self.servers.postgres
        with self._taken([postgres]) as taken:
            if taken is None:
                return None
            self.tell("kill -9 postgres")
            postgres.kill()
            self._wait()
            postgres.start()
            return "postgres"

    def _kill_backend(self) -> str | None:
        """Kill a backend: Postgres then ends all others, and recovers as after a crash."""
        with self._taken([self.servers.postgres]) as taken:
            if taken is None:
                return None
            backends = [pid for pid in children_of(self.servers.postgres.pid) if _is_backend(pid)]
            if not backends:
                return None
            pid = self.chance.choice(backends)
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                self.tell(f"kill -9 postgres backend {pid}")
                return str(pid)
            return None

    def _kill_ceph(self) -> str | None:
        with self._taken([self.servers.ceph]) as taken:
            if taken is None:
                return None
            self.tell("kill -9 radosgw")
            self.servers.ceph.kill()
            self._wait()
            self.servers.ceph.start()
            return "radosgw"

    def _cut(self, between: str, line: Proxy) -> str | None:
        self.tell(f"cut {line.cut()} connections between {between}")
        return between

    def _stall(self, between: str, line: Proxy) -> str | None:
        with self._taken([line]) as taken:
            if taken is None:
                return None
            self.tell(f"silence between {between} for {STALL_S:g} s")
            line.stall()
            try:
                time.sleep(STALL_S)
            finally:
                line.flow()
            return between

    def _outlive_lease(self) -> str:
        """Stop a worker with all that it has in hand, until others have taken it; it wakes up and knows nothing."""
        worker = self.servers.clusters["disk"].workers[0]
        with self._lock_of(worker):
            seconds = self.servers.lease_s + 3
            self.tell(f"SIGSTOP {_name(worker)} for {seconds:g} s")
            os.kill(worker.pid, signal.SIGSTOP)
            try:
                time.sleep(seconds)
            finally:
                os.kill(worker.pid, signal.SIGCONT)
        return _name(worker)

    def _fill_disk(self) -> str | None:
        self.tell(f"fill the disk for {FULL_FOR_S:g} s ({self.servers.disk.kind})")
        with self.servers.disk.full():
            time.sleep(FULL_FOR_S)
        return "disk"

    def _wait_and_start(self, program: Program) -> None:
        """Start it as a supervisor does: again, until it is there. Postgres may be away at this moment."""
        tries = 0
        while True:
            self._wait()
            try:
                program.start()
            except RuntimeError:
                tries += 1
                if tries > MOST_STARTS:
                    raise
            else:
                return

    def _wait(self) -> None:
        time.sleep(self.chance.uniform(0, DOWN_AT_MOST_S))

    def _lock_of(self, server: object) -> threading.Lock:
        """Return what whoever hurts a server holds."""
        return self._busy.setdefault(id(server), threading.Lock())

    @contextmanager
    def _taken(self, servers: Sequence[Server]) -> Iterator[Server | None]:
        """Return a block in which one of the servers is this thread's to hurt; None where all are being hurt."""
        for server in self.chance.sample(servers, len(servers)):
            lock = self._lock_of(server)
            if lock.acquire(blocking=False):
                try:
                    yield server
                finally:
                    lock.release()
                return
        yield None


def children_of(pid: int) -> list[int]:
    """Return the processes that a process has started and that live."""
    with suppress(OSError):
        return [int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in
                (task / "children").read_text().split()]  # fmt: skip
    return []


def _is_backend(pid: int) -> bool:
    with suppress(OSError):
        return b" 127.0.0.1(" in Path(f"/proc/{pid}/cmdline").read_bytes()
    return False


def _name(program: Program) -> str:
    return f"{program.log_file.parent.name} {program.log_file.stem}"


def _of(cluster: str, *services: Service) -> Sequence[tuple[str, Service]]:
    return [(cluster, service) for service in services]


def _every(cluster: str) -> Sequence[tuple[str, Service]]:
    return _of(cluster, *ALL)
