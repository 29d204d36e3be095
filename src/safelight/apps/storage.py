"""Opens where the bytes are: a folder, or a bucket."""

from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass

from safelight.adapters.disk.object_store import DiskObjectStore
from safelight.adapters.disk.signer import DiskSigner
from safelight.adapters.metrics import PrometheusMetrics
from safelight.apps.addresses import Addresses
from safelight.domain.tokens import Tokens
from safelight.ports.object_store import ObjectStore, Signer
from safelight.settings import Settings

OBJECTS_FOLDER = "store"


@dataclass(frozen=True, slots=True)
class Storage:
    """The objects and who signs their URLs. `disk` is the same store where our own upload service serves it."""

    objects: ObjectStore
    signer: Signer
    disk: DiskObjectStore | None


@asynccontextmanager
async def open_storage(
    settings: Settings, tokens: Tokens, addresses: Addresses, *, metrics: PrometheusMetrics
) -> AsyncIterator[Storage]:
    """Open the store that the settings name. Raises StorageFailed."""
    async with open_disk(settings, metrics=metrics) as disk:
        signer = DiskSigner(tokens, uploads_url=addresses.uploads, delivery_url=addresses.delivery)
        yield Storage(disk, signer, disk)


@asynccontextmanager
async def open_disk(settings: Settings, *, metrics: PrometheusMetrics) -> AsyncIterator[DiskObjectStore]:
    """Open the store in the data folder, with threads of its own that wait for the disk."""

    def observe(what: str, seconds: float) -> None:
        metrics.latency(f"storage {what}", seconds)

    with ThreadPoolExecutor(settings.io_threads, thread_name_prefix="storage") as io:
        folder = settings.data / OBJECTS_FOLDER
        yield DiskObjectStore(folder, io=io, min_free_bytes=settings.min_free_bytes, observe=observe)
