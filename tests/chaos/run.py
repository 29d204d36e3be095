"""One run of chaos: start everything, do harm under load, stop, let it settle, count."""

import asyncio
import random
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from chaos.books import read_books
from chaos.clients import Clients, Entry
from chaos.count import Count, Outside, count
from chaos.disk import SmallDisk
from chaos.harm import Chaos, Event, Servers
from chaos.pictures import shows
from chaos.report import Recovery, Report, Side
from chaos.sights import Sights, WatchedReceiver
from safelight.domain.image import State
from safelight.testing.ceph import CephServer
from safelight.testing.cluster import Cluster, Size
from safelight.testing.postgres import PostgresServer
from safelight.testing.program import Program
from safelight.testing.receiver import SECRET, receiving
from safelight_client import Client, SafelightError

KINDS = Path(__file__).with_name("images.py")
LOOKED_AT = 100
"""So many of the images that became ready are looked at in the end, in each cluster."""

DAY_S = 86_400

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """How long, how hard. `lease_s` and `upload_ttl_s` are short, so that a run sees the end of everything."""

    seconds: float
    seed: int
    uploads_per_second: float = 2.0
    pauses: tuple[float, float] = (1.0, 4.0)
    lease_s: int = 15
    upload_ttl_s: int = 30
    settled_within_s: float = 300.0
    sizes: Mapping[str, Size] = field(default_factory=lambda: {"s3": Size(), "disk": Size(uploads=2)})

    @property
    def settings(self) -> Mapping[str, str]:
        """The settings of every part."""
        return {
            "upload_ttl": str(self.upload_ttl_s),
            "body_timeout": str(self.upload_ttl_s / 3),
            "orphan_grace": str(self.upload_ttl_s / 3),
            "sweep_every": "3",
            "reconcile_every": "2",
            "process_timeout": str(self.lease_s),
            "render_timeout": str(self.lease_s - 4),
            "scan_timeout": "3",
            "retry_base": "0.5",
            "retry_max": "5",
            "slots": "1",
            "job_heartbeat_timeout": "6",
            "job_poll_every": "2",
            "owner_requests_per_minute": "1000000",
            "owner_open_uploads": "1000000",
            "owner_images": "1000000",
            "owner_bytes": "1000GB",
            "webhook_secret": SECRET,
            "webhook_private": "true",
            "webhook_retry_base": "0.5",
            "webhook_retry_max": "5",
            "webhook_timeout": "5",
        }


class Watch:
    """One cluster under load: its clients, its receiver of webhooks, and what they saw."""

    def __init__(self, name: str, plan: Plan, cluster: Cluster, receiver: WatchedReceiver, sights: Sights) -> None:
        self.cluster = cluster
        self.receiver = receiver
        self.sights = sights
        self.clients = Clients(
            cluster, sights, random.Random(f"{plan.seed} {name}"), per_second=plan.uploads_per_second
        )
        self._thread = threading.Thread(target=self.clients.run, name=f"clients of {name}")

    def begin(self) -> None:
        """Begin to upload."""
        self._thread.start()

    def end(self) -> None:
        """Begin nothing more, and wait until all that was begun has come to its end."""
        self.clients.stop()
        self._thread.join()


def run(plan: Plan, folder: Path, tell: Tell) -> Report:
    """Return what came of it. Raises NotInstalled, RuntimeError."""
    with ExitStack() as stack:
        tell("starting Postgres and Ceph")
        postgres = stack.enter_context(PostgresServer(durable=True))
        ceph = stack.enter_context(CephServer(day_s=DAY_S))
        clusters: dict[str, Cluster] = {}
        disk = stack.enter_context(SmallDisk(folder / "disk/data", lambda: _writers(clusters)))
        servers = Servers(clusters, postgres, ceph, disk, plan.lease_s)
        watches = {name: _watch(stack, name, plan, folder / name, servers) for name in plan.sizes}
        tell("all are there: clients come, and harm is done")
        chaos = Chaos(servers, random.Random(plan.seed), tell)
        _do_harm(plan, chaos, watches, tell)
        settled = _settle(plan, watches, ceph, tell)
        counts = {name: _count(watch, ceph, look=True) for name, watch in watches.items()}
        tell("counted")
        return Report(
            seed=plan.seed,
            seconds=plan.seconds,
            settled_after_s=settled,
            disk=disk.kind,
            sides={name: _side(watch, counts[name]) for name, watch in watches.items()},
            recoveries=_recoveries(chaos.events, watches),
            broken=[*chaos.broken, *_ended(clusters)],
        )


def _watch(stack: ExitStack, name: str, plan: Plan, folder: Path, servers: Servers) -> Watch:
    """Start a cluster, and a receiver of its webhooks."""
    folder.mkdir(exist_ok=True)
    sights = Sights()
    receiver = WatchedReceiver(sights)
    stack.enter_context(receiving(receiver))
    cluster = Cluster(
        folder,
        postgres=servers.postgres,
        database=f"chaos_{name}",
        kinds=KINDS,
        ceph=servers.ceph if name == "s3" else None,
        size=plan.sizes[name],
        settings={**plan.settings, "webhook_url": receiver.url},
    )
    servers.clusters[name] = stack.enter_context(cluster)
    return Watch(name, plan, cluster, receiver, sights)


def _do_harm(plan: Plan, chaos: Chaos, watches: Mapping[str, Watch], tell: Tell) -> None:
    for watch in watches.values():
        watch.begin()
    time.sleep(2)
    chaos.run(plan.seconds, plan.pauses)
    tell("no more harm; the last clients come to their end")
    for watch in watches.values():
        watch.end()


def _settle(plan: Plan, watches: Mapping[str, Watch], ceph: CephServer, tell: Tell) -> float | None:
    """Wait until there is nothing left to do, and return how long that took; None where it did not come to that."""
    begun = time.monotonic()
    left: Mapping[str, int] = {}
    while (passed := time.monotonic() - begun) < plan.settled_within_s:
        counts = {name: _count(watch, ceph) for name, watch in watches.items()}
        if all(one.is_clean for one in counts.values()):
            return passed
        now_left = {
            f"{name}: {fault}": len(found)
            for name, one in counts.items()
            for fault, found in one.faults.items()
            if found
        }
        if now_left != left:
            left = now_left
            tell("left to do: " + ", ".join(f"{fault} {number}" for fault, number in left.items()))
        time.sleep(1)
    return None


def _count(watch: Watch, ceph: CephServer, *, look: bool = False) -> Count:
    books = asyncio.run(read_books(watch.cluster, ceph))
    ready = {image.id for image in books.images.values() if image.state is State.READY} if look else set[str]()
    looked_at = [entry for entry in watch.clients.ledger if entry.image_id in ready and entry.picture.is_image]
    wrong = list(_wrong_pictures(watch.cluster, looked_at[:: max(1, len(looked_at) // LOOKED_AT)]))
    return count(Outside(watch.clients.ledger, watch.receiver, wrong), books)


def _wrong_pictures(cluster: Cluster, entries: Sequence[Entry]) -> Iterator[str]:
    """Fetch images as their pages would, and yield those that show something else than was uploaded."""
    with Client(cluster.url, api_key=cluster.key) as client:
        for entry in entries:
            variant = "page" if entry.kind == "document" else "thumb"
            try:
                content = client.download(str(entry.image_id), variant)
            except SafelightError as error:
                yield f"{entry.image_id} {variant}: {error!r}"
            else:
                if not shows(content, entry.picture):
                    yield f"{entry.image_id} {variant}"


def _side(watch: Watch, counted: Count) -> Side:
    return Side(counted, dict(watch.sights.answers), dict(watch.sights.broken), watch.clients.given_up)


def _recoveries(events: Sequence[Event], watches: Mapping[str, Watch]) -> Mapping[str, Recovery]:
    """Return, for each kind of harm, the longest time until everything that it keeps from users worked again."""
    took = defaultdict[str, list[float]](list)
    for event in events:
        again = [watches[name].sights.next_after(event.begun, service) for name, service in event.affects]
        took[event.what].append(max((moment - event.begun for moment in again if moment is not None), default=0.0))
    return {what: Recovery(len(times), max(times)) for what, times in took.items()}


def _writers(clusters: Mapping[str, Cluster]) -> Sequence[Program]:
    """Return the processes that write to the disk."""
    return [*clusters["disk"].uploads, *clusters["disk"].workers]


def _ended(clusters: Mapping[str, Cluster]) -> Sequence[str]:
    """Return what runs no more, though it should."""
    return [
        f"{name} {program.log_file.stem} has ended"
        for name, cluster in clusters.items()
        for program in cluster.parts
        if program.has_ended
    ]
