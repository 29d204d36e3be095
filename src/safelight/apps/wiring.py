"""Joins the journey to its adapters: the one place that chooses them."""

from collections.abc import AsyncIterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from safelight.adapters.audit import BufferedAudit
from safelight.adapters.disk.object_store import DiskObjectStore
from safelight.adapters.disk.signer import DiskSigner
from safelight.adapters.keyring import KeyringFile
from safelight.adapters.metrics import PrometheusMetrics
from safelight.adapters.queue.memory import MemoryQueue
from safelight.adapters.rates import MemoryRates
from safelight.adapters.records.store import SqlRecords, open_records
from safelight.adapters.seal import KeyringSeal
from safelight.adapters.signals.local import LocalSignals
from safelight.adapters.system import SystemClock, SystemIds
from safelight.domain.kind import Kinds
from safelight.domain.tokens import Tokens
from safelight.domain.urls import Links
from safelight.settings import Settings

DATABASE_FILE = "safelight.db"
KEYRING_FILE = "keyring.json"
OBJECTS_FOLDER = "store"


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where clients reach the API, the uploads and the images; without a slash at the end.

    `own` is where this process listens, whatever stands before it.
    """

    api: str
    uploads: str
    delivery: str
    own: str

    @classmethod
    def of(cls, settings: Settings, *, port: int) -> "Addresses":
        """Return the addresses that the settings name, or else those of this process, listening on `port`."""
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        own = f"http://{host}:{port}"
        api = settings.public_url or own
        uploads = settings.uploads_url or api
        return cls(api, uploads, settings.delivery_url or uploads, own)


@dataclass(frozen=True, slots=True)
class World:
    """Every adapter of one process on the embedded defaults: SQLite, a folder, a queue in memory."""

    settings: Settings
    kinds: Kinds
    records: SqlRecords
    objects: DiskObjectStore
    signer: DiskSigner
    jobs: MemoryQueue
    signals: LocalSignals
    tokens: Tokens
    seal: KeyringSeal
    audit: BufferedAudit
    links: Links
    clock: SystemClock
    ids: SystemIds
    metrics: PrometheusMetrics
    limiter: MemoryRates


def lazy_variants(kinds: Kinds) -> Mapping[str, Sequence[str]]:
    """Return the names of each kind's lazy variants."""
    return {name: [*(kind.variants.keys() - kind.eager.keys())] for name, kind in kinds.items()}


@asynccontextmanager
async def embedded(settings: Settings, kinds: Kinds, addresses: Addresses) -> AsyncIterator[World]:
    """Open everything in the data folder, which `migrate` has prepared; close it at the end of the block."""
    metrics, clock = PrometheusMetrics(), SystemClock()
    jobs = MemoryQueue(clock)
    keyring = KeyringFile(settings.data / KEYRING_FILE, clock)
    tokens = Tokens(keyring.current)
    audit = BufferedAudit(dropped=metrics.audit_dropped)
    async with AsyncExitStack() as stack:
        io = stack.enter_context(ThreadPoolExecutor(settings.io_threads, thread_name_prefix="storage"))
        records = await stack.enter_async_context(
            open_records(
                settings.data / DATABASE_FILE,
                jobs,
                observe=lambda what, seconds: metrics.latency(f"database {what}", seconds),
            )
        )
        await stack.enter_async_context(audit.writing(records, every=settings.audit_flush_every))
        signer = DiskSigner(tokens, uploads_url=addresses.uploads, delivery_url=addresses.delivery)
        yield World(
            settings=settings,
            kinds=kinds,
            records=records,
            objects=DiskObjectStore(
                settings.data / OBJECTS_FOLDER,
                io=io,
                min_free_bytes=settings.min_free_bytes,
                observe=lambda what, seconds: metrics.latency(f"storage {what}", seconds),
            ),
            signer=signer,
            jobs=jobs,
            signals=LocalSignals(max_waiters=settings.max_waiters),
            tokens=tokens,
            seal=KeyringSeal(keyring.current),
            audit=audit,
            links=Links(addresses.api, signer.public_url, lazy_variants(kinds)),
            clock=clock,
            ids=SystemIds(),
            metrics=metrics,
            limiter=MemoryRates(refused=metrics.refused),
        )
