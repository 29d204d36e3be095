"""Opens where the bytes are: a folder, or a bucket."""

from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass

from safelight.adapters.disk.object_store import DiskObjectStore
from safelight.adapters.disk.signer import DiskSigner
from safelight.adapters.metrics import PrometheusMetrics
from safelight.adapters.s3.address import S3Address
from safelight.adapters.s3.credentials import open_credentials
from safelight.adapters.s3.object_store import open_s3_store
from safelight.adapters.s3.signer import S3Signer
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
    """Open the store that the settings name. Raises StorageFailed where a bucket has no credentials."""
    if settings.storage_url is not None:
        async with _open_bucket(settings, settings.storage_url, metrics=metrics) as storage:
            yield storage
        return
    async with open_disk(settings, metrics=metrics) as disk:
        signer = DiskSigner(tokens, uploads_url=addresses.uploads, delivery_url=addresses.delivery)
        yield Storage(disk, signer, disk)


@asynccontextmanager
async def open_disk(settings: Settings, *, metrics: PrometheusMetrics) -> AsyncIterator[DiskObjectStore]:
    """Open the store in the data folder, with threads of its own that wait for the disk."""
    with ThreadPoolExecutor(settings.io_threads, thread_name_prefix="storage") as io:
        folder = settings.data / OBJECTS_FOLDER
        yield DiskObjectStore(folder, io=io, min_free_bytes=settings.min_free_bytes, observe=_noted(metrics))


@asynccontextmanager
async def _open_bucket(settings: Settings, url: str, *, metrics: PrometheusMetrics) -> AsyncIterator[Storage]:
    address = S3Address.parse(url)
    async with (
        open_credentials() as credentials,
        open_s3_store(address, credentials, observe=_noted(metrics)) as objects,
    ):
        good_for = max(settings.upload_ttl, 2 * settings.download_bucket)
        signer = S3Signer(address, credentials, good_for=good_for, delivery_url=settings.delivery_url)
        yield Storage(objects, signer, None)


def _noted(metrics: PrometheusMetrics) -> Callable[[str, float], None]:
    """Return what notes how long the store took for something."""
    return lambda what, seconds: metrics.latency(f"storage {what}", seconds)
