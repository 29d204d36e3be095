"""Records that an earlier revision left behind are migrated and read as what they were."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from safelight.adapters.records.migrate import migrate, pending_migrations
from safelight.adapters.records.store import SqlRecords, open_records
from safelight.domain.events import Action, WebhookEvent
from safelight.domain.image import Attachment, Checksum, ChecksumAlgorithm, Ending, ImageId, State
from safelight.domain.who import ApiKeyId, Scope
from safelight.ports.records import ImageFilter
from safelight.testing.fakes import NOW, RecordingJobs
from safelight.testing.samples import LOOK, VERIFIED, rendition

REQUESTED, UPLOADED, READY, REJECTED = (ImageId(f"{number:032x}") for number in (1, 2, 3, 4))


@pytest.fixture
def migrated(tmp_path: Path, left_behind: Path) -> Path:
    path = tmp_path / "records.db"
    with closing(sqlite3.connect(path)) as database:
        database.executescript(left_behind.read_text())
    migrate(path)
    return path


@pytest.fixture
async def records(migrated: Path) -> AsyncIterator[SqlRecords]:
    async with open_records(migrated, RecordingJobs()) as records:
        yield records


def test_a_migrated_database_is_whole(migrated: Path) -> None:
    with closing(sqlite3.connect(migrated)) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert database.execute("PRAGMA foreign_key_check").fetchall() == []
    assert pending_migrations(migrated) == ()


async def test_images_are_what_they_were(records: SqlRecords) -> None:
    async with records.reading() as snapshot:
        images = await snapshot.images([REQUESTED, UPLOADED, READY, REJECTED])
        renditions = await snapshot.renditions(READY)

    assert images[REQUESTED].checksum == Checksum(ChecksumAlgorithm.CRC32C, "4waSgw==")
    assert images[REQUESTED].attached_to == Attachment("user", "42")
    assert (images[UPLOADED].state, images[UPLOADED].owner) == (State.UPLOADED, None)
    assert (images[READY].verified, images[READY].look, images[READY].ready_at) == (VERIFIED, LOOK, NOW)
    assert images[REJECTED].ending == Ending("truncated", "The end of this image is missing.")
    assert renditions == [rendition(READY, width=96), rendition(READY, width=192)]


async def test_deliveries_keys_and_the_audit_log_are_what_they_were(records: SqlRecords) -> None:
    async with records.reading() as snapshot:
        (owed,) = await snapshot.unsettled_deliveries(NOW, limit=10)
        key = await snapshot.api_key(ApiKeyId("k1"))
        (event,) = await snapshot.audit_of(READY)

    assert (owed.image_id, owed.event, owed.attempts) == (READY, WebhookEvent.READY, 0)
    assert key is not None
    assert key.scopes == {Scope.READ, Scope.UPLOAD}
    assert (event.at, event.action, event.address) == (NOW, Action.READY, "192.0.2.1")


async def test_work_goes_on_after_an_upgrade(records: SqlRecords) -> None:
    async with records.transaction() as tx:
        (waiting,) = await tx.awaiting_work(NOW, limit=10)
        await tx.take(waiting, now=State.PROCESSING, lease_until=NOW)
        (processing,) = await tx.page(ImageFilter(state=State.PROCESSING), after=None, limit=10)

    assert processing.id == UPLOADED
