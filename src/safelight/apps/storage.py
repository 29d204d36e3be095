"""Opens where the bytes are: a folder, or a bucket; and, while they move from one to the other, both."""

from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from safelight.adapters.disk.object_store import DiskObjectStore
from safelight.adapters.disk.signer import DiskSigner
from safelight.adapters.metrics import PrometheusMetrics
from safelight.adapters.mirror.object_store import MirroredStore
from safelight.adapters.s3.address import S3Address
from safelight.adapters.s3.credentials import AccessKey, S3Credentials, open_credentials
from safelight.adapters.s3.object_store import S3ObjectStore, open_s3_store
from safelight.adapters.s3.signer import S3Signer
from safelight.apps.addresses import Addresses
from safelight.domain.tokens import Tokens
from safelight.ports.object_store import ObjectStore, ReceivingStore, Signer
from safelight.ports.observe import Observe, ignore
from safelight.settings import Settings

OBJECTS_FOLDER = "store"
"""In a data folder."""


@dataclass(frozen=True, slots=True)
class Storage:
    """The objects and who signs their URLs. `disk` is the store, or the mirror, that our own upload service serves."""

    objects: ObjectStore
    signer: Signer
    disk: DiskObjectStore | None


@dataclass(frozen=True, slots=True)
class _Place:
    """One store, and how its URLs are signed."""

    objects: ReceivingStore
    signer: Signer
    disk: DiskObjectStore | None = None


@asynccontextmanager
async def open_storage(
    settings: Settings, tokens: Tokens, addresses: Addresses, *, metrics: PrometheusMetrics
) -> AsyncIterator[Storage]:
    """Open the store that the settings name, and its mirror: URLs are signed for the first of the two.

    Raises StorageFailed where a bucket has no credentials.
    """

    def open_place(where: str) -> AbstractAsyncContextManager[_Place]:
        if is_bucket(where):
            return _bucket_place(where, settings, metrics)
        return _folder_place(Path(where), settings, tokens, addresses, metrics)

    async with open_place(settings.storage_url or str(settings.data)) as first:
        if settings.storage_mirror is None:
            yield Storage(first.objects, first.signer, first.disk)
            return
        async with open_place(settings.storage_mirror) as second:
            objects = MirroredStore(first.objects, second.objects)
            yield Storage(objects, first.signer, first.disk or second.disk)


@asynccontextmanager
async def open_disk(settings: Settings, *, metrics: PrometheusMetrics) -> AsyncIterator[DiskObjectStore]:
    """Open the folder that the upload service takes and delivers from."""
    folder = disk_folder(settings)
    async with open_folder(folder or settings.data, settings, observe=_noted(metrics)) as objects:
        yield objects


@asynccontextmanager
async def open_store(where: str, settings: Settings) -> AsyncIterator[ReceivingStore]:
    """Open one store by its name, the URL of a bucket or the path of a data folder.

    Raises StorageFailed, and ValueError where it is no such name.
    """
    if is_bucket(where):
        async with open_bucket(S3Address.parse(where)) as (objects, _):
            yield objects
        return
    async with open_folder(Path(where), settings) as folder:
        yield folder


def is_bucket(where: str) -> bool:
    """Whether that names a bucket, and not a folder."""
    return "://" in where


def disk_folder(settings: Settings) -> Path | None:
    """Return the data folder in which the upload service takes and delivers objects; None where there is none."""
    if settings.storage_url is None:
        return settings.data
    if settings.storage_mirror is not None and not is_bucket(settings.storage_mirror):
        return Path(settings.storage_mirror)
    return None


@asynccontextmanager
async def open_folder(data: Path, settings: Settings, *, observe: Observe = ignore) -> AsyncIterator[DiskObjectStore]:
    """Open the store in a data folder, with threads of its own that wait for the disk."""
    with ThreadPoolExecutor(settings.io_threads, thread_name_prefix="storage") as io:
        yield DiskObjectStore(data / OBJECTS_FOLDER, io=io, min_free_bytes=settings.min_free_bytes, observe=observe)


@asynccontextmanager
async def open_bucket(
    address: S3Address, *, uploader: S3Credentials | None = None, observe: Observe = ignore
) -> AsyncIterator[tuple[S3ObjectStore, S3Credentials]]:
    """Open a bucket with the credentials that are found. Raises StorageFailed where there are none."""
    async with (
        open_credentials(address.aws_profile) as credentials,
        open_s3_store(address, credentials, uploader=uploader, observe=observe) as objects,
    ):
        yield objects, credentials


@asynccontextmanager
async def open_uploader(address: S3Address, settings: Settings) -> AsyncIterator[S3Credentials | None]:
    """Find the credentials that only sign uploads to a bucket; None where it has none. Raises StorageFailed.

    Those of the settings are for the bucket of `storage_url`, not for its mirror.
    """
    key_id, secret = settings.upload_access_key_id, settings.upload_secret_access_key
    if settings.storage_url is None or S3Address.parse(settings.storage_url) != address:
        yield None
    elif key_id and secret:
        yield S3Credentials(AccessKey(key_id, secret.get_secret_value()))
    elif settings.upload_aws_profile:
        async with open_credentials(settings.upload_aws_profile) as found:
            yield found
    else:
        yield None


def signer_of(
    address: S3Address, credentials: S3Credentials, settings: Settings, *, uploader: S3Credentials | None
) -> S3Signer:
    """Return what signs the URLs of a bucket."""
    good_for = max(settings.upload_ttl, 2 * settings.download_bucket)
    return S3Signer(address, credentials, uploader=uploader, good_for=good_for, delivery_url=settings.delivery_url)


@asynccontextmanager
async def _folder_place(
    data: Path, settings: Settings, tokens: Tokens, addresses: Addresses, metrics: PrometheusMetrics
) -> AsyncIterator[_Place]:
    async with open_folder(data, settings, observe=_noted(metrics)) as disk:
        signer = DiskSigner(tokens, uploads_url=addresses.uploads, delivery_url=addresses.delivery)
        yield _Place(disk, signer, disk)


@asynccontextmanager
async def _bucket_place(url: str, settings: Settings, metrics: PrometheusMetrics) -> AsyncIterator[_Place]:
    address = S3Address.parse(url)
    async with (
        open_uploader(address, settings) as uploader,
        open_bucket(address, uploader=uploader, observe=_noted(metrics)) as (objects, credentials),
    ):
        yield _Place(objects, signer_of(address, credentials, settings, uploader=uploader))


def _noted(metrics: PrometheusMetrics) -> Observe:
    """Return what notes how long the store took for something."""
    return lambda what, seconds: metrics.latency(f"storage {what}", seconds)
