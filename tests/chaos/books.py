"""What is written down in the end: the rows of the database and the objects of the store, read past Safelight."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import asyncpg

from safelight.adapters.queue.schema import QUEUE
from safelight.adapters.s3.address import S3Address
from safelight.adapters.s3.credentials import AccessKey, S3Credentials
from safelight.adapters.s3.object_store import open_s3_store
from safelight.domain import keys
from safelight.domain.image import ImageId, Rendition, State
from safelight.testing.ceph import CephServer
from safelight.testing.cluster import Cluster

IMAGES = """
    SELECT id, kind, state, public, owner, attached_id, declared_bytes, renditions_expected, original_kept, ending_code,
        ready_at, purged_at, clear_due_at, reprocess_wanted_at, attempt
    FROM image
"""
RENDITIONS = "SELECT image_id, variant, fingerprint, format, width, height, bytes FROM rendition"
DELIVERIES = "SELECT id, image_id, event, settled_at, last_error FROM delivery"
OWNERS = "SELECT id, images, bytes, open_uploads FROM owner"
CLAIMS = "SELECT caller FROM answer WHERE sealed IS NULL AND claimed_until > now()"
JOBS = f"""
    SELECT convert_from(payload, 'UTF8') AS job, status::text FROM {QUEUE}
    WHERE convert_from(payload, 'UTF8') NOT LIKE 'Upkeep %'
"""  # noqa: S608 - our own name
"""Upkeep is always queued for its next time."""
READY_EVENTS = "SELECT image_id, count(*) AS times FROM audit_event WHERE action = 'image.ready' GROUP BY image_id"


@dataclass(frozen=True, slots=True)
class ImageRow:
    """A row of the images."""

    id: str
    kind: str
    state: State
    public: bool
    owner: str | None
    attached_id: str | None
    declared_bytes: int
    renditions_expected: int | None
    original_kept: bool
    ending_code: str | None
    ready_at: datetime | None
    purged_at: datetime | None
    clear_due_at: datetime | None
    reprocess_wanted_at: datetime | None
    attempt: int


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """A row of the webhooks."""

    id: str
    image_id: str
    event: str
    settled_at: datetime | None
    last_error: str | None


@dataclass(frozen=True, slots=True)
class Books:
    """Everything that one cluster has written down."""

    images: Mapping[str, ImageRow]
    renditions: Sequence[Rendition]
    deliveries: Sequence[DeliveryRow]
    owners: Mapping[str, tuple[int, int, int]]
    claims: int
    jobs: Sequence[str]
    ready_events: Mapping[str, int]
    objects: frozenset[str]
    unfinished: int
    """Files that an upload began and did not finish."""


async def read_books(cluster: Cluster, ceph: CephServer) -> Books:
    """Read everything, by lines that nobody cuts."""
    connection = await asyncpg.connect(cluster.database_url.replace("+asyncpg", ""))
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            images = [ImageRow(**{**row, "state": State(row["state"])}) for row in await connection.fetch(IMAGES)]
            renditions = [Rendition(**row) for row in await connection.fetch(RENDITIONS)]
            deliveries = [DeliveryRow(**row) for row in await connection.fetch(DELIVERIES)]
            owners = {
                row["id"]: (row["images"], row["bytes"], row["open_uploads"]) for row in await connection.fetch(OWNERS)
            }
            claims = len(await connection.fetch(CLAIMS))
            jobs = [f"{row['job']} {row['status']}" for row in await connection.fetch(JOBS)]
            ready = {row["image_id"]: row["times"] for row in await connection.fetch(READY_EVENTS)}
    finally:
        await connection.close()
    objects = await _in_bucket(cluster.bucket, ceph) if cluster.bucket else _in_folder(cluster.stored())
    unfinished = len(cluster.unfinished())
    return Books(
        {image.id: image for image in images}, renditions, deliveries, owners, claims, jobs, ready, objects, unfinished
    )


def wanted_objects(books: Books) -> frozenset[str]:
    """Return the keys of all objects that the rows ask for."""
    originals = {keys.original(ImageId(image.id)) for image in books.images.values() if image.original_kept}
    renditions = {keys.rendition(one, public=books.images[one.image_id].public) for one in books.renditions}
    gone = {image.id for image in books.images.values() if image.purged_at is not None}
    return frozenset(key for key in originals | renditions if keys.image_of(key) not in gone)


async def _in_bucket(bucket: str, ceph: CephServer) -> frozenset[str]:
    given = ceph.environment
    credentials = S3Credentials(AccessKey(given["AWS_ACCESS_KEY_ID"], given["AWS_SECRET_ACCESS_KEY"]))
    async with open_s3_store(S3Address.parse(ceph.storage_url(bucket)), credentials) as store:
        return frozenset([
            stored.key for area in (keys.INCOMING, keys.PUBLIC, keys.PRIVATE) async for stored in store.list(area)
        ])  # fmt: skip


def _in_folder(files: Sequence[Path]) -> frozenset[str]:
    return frozenset(map(_key_of, files))


def _key_of(file: Path) -> str:
    """Return the key of an object on disk: the folders between its area and its image only spread them."""
    parts = file.parts[file.parts.index("objects") + 1 :]
    return "/".join(parts[:2] + parts[-1:] if parts[0] == "incoming" else (parts[0], *parts[-2:]))
