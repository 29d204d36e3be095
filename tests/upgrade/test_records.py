"""Records that an earlier revision left behind are migrated and read as what they were."""

import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from left_behind import DUMPS, FIRST, named, restore_sqlite, since
from safelight.adapters.records.migrate import migrate, pending_migrations
from safelight.adapters.records.revisions import every_revision
from safelight.adapters.records.store import SqlRecords
from safelight.domain.answer import Question
from safelight.domain.declaration import Declaration, Declared
from safelight.domain.errors import OwnerBlocked, QuotaExceeded, TooManyRequests
from safelight.domain.events import Action, WebhookEvent
from safelight.domain.image import Attachment, Checksum, ChecksumAlgorithm, Ending, ImageId, State
from safelight.domain.owner import OwnerLimits, Usage
from safelight.domain.who import ApiKeyId, Scope
from safelight.ports.snapshot import ImageFilter
from safelight.testing.fakes import NOW
from safelight.testing.samples import LOOK, VERIFIED, audit_of, rendition

REQUESTED, UPLOADED, READY, REJECTED = (ImageId(f"{number:032x}") for number in (1, 2, 3, 4))


@pytest.mark.parametrize("database", FIRST)
def test_every_revision_left_its_records(database: str) -> None:
    left = [dump.stem for dump in DUMPS if dump.parent.name == database]

    made_since = [revision for revision in every_revision() if revision >= FIRST[database]]
    assert left == made_since, "python tests/upgrade/make_dump.py writes what is missing"


@pytest.mark.parametrize("dump", [dump for dump in DUMPS if dump.parent.name == "sqlite"], ids=lambda path: path.stem)
def test_a_migrated_file_is_whole(dump: Path, tmp_path: Path) -> None:
    restore_sqlite(dump, tmp_path / "records.db")

    migrate(tmp_path / "records.db")

    with closing(sqlite3.connect(tmp_path / "records.db")) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert database.execute("PRAGMA foreign_key_check").fetchall() == []
    assert pending_migrations(tmp_path / "records.db") == ()


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
        (event,) = await audit_of(READY, snapshot)

    assert (owed.image_id, owed.event, owed.attempts) == (READY, WebhookEvent.READY, 0)
    assert key is not None
    assert key.scopes == {Scope.READ, Scope.UPLOAD}
    assert (event.at, event.action, event.address) == (NOW, Action.READY, "192.0.2.1")


async def test_what_owners_use_is_what_is_counted(records: SqlRecords) -> None:
    async with records.reading() as snapshot:
        owner, counted = await snapshot.owner("user-42"), await snapshot.counted("user-42")
        known = await snapshot.list_owners(after=None, limit=10)
        others = {one.id: (one.used, await snapshot.counted(one.id)) for one in known}

    assert owner.used == counted == Usage(images=2, bytes=2 * VERIFIED.bytes, open_uploads=1)
    assert all(noted == there for noted, there in others.values())


async def test_an_owner_goes_on_from_what_it_uses(records: SqlRecords) -> None:
    limits = OwnerLimits(requests_per_minute=100, open_uploads=100, images=2, bytes=10**9)

    with pytest.raises(QuotaExceeded) as refused:
        async with records.transaction() as tx:
            await tx.owners.reserve("user-42", size=1, limits=limits, now=NOW)

    assert (refused.value.used, refused.value.allowed) == (2, 2)


async def test_what_was_attached_is_so_since_it_was_made(records: SqlRecords) -> None:
    async with records.reading() as snapshot:
        attached = await snapshot.attached(Attachment("user", "42"))

    assert [(image.id, image.attached_at, image.position) for image in attached] == [
        (REQUESTED, NOW, 0),
        (READY, NOW, 0),
    ]


async def test_work_goes_on_after_an_upgrade(records: SqlRecords) -> None:
    async with records.transaction() as tx:
        (waiting,) = await tx.awaiting_work(NOW, limit=10)
        await tx.take(waiting, now=State.PROCESSING, lease_until=NOW)
        (processing,) = await tx.page(ImageFilter(state=State.PROCESSING), after=None, limit=10)

    assert processing.id == UPLOADED


@pytest.mark.parametrize("left_behind", since("0002"), ids=named, indirect=True)
class TestSince0002:
    """What revisions keep since there are owners and places."""

    async def test_blocks_hold(self, records: SqlRecords) -> None:
        async with records.transaction() as tx:
            blocked = {one.id: one.blocked_at for one in await tx.list_owners(after=None, limit=10, blocked=True)}
            with pytest.raises(OwnerBlocked):
                await tx.owners.see_unblocked("never seen")

        assert blocked == {"blocked": NOW, "never seen": NOW}

    async def test_requests_of_the_minute_are_counted_on(self, records: SqlRecords) -> None:
        limits = OwnerLimits(requests_per_minute=3, open_uploads=100, images=100, bytes=10**9)

        with pytest.raises(TooManyRequests):
            async with records.transaction() as tx:
                await tx.owners.reserve("user-42", size=1, limits=limits, now=NOW)

    async def test_images_of_a_record_are_in_their_order_and_hidden_ones_stay_hidden(self, records: SqlRecords) -> None:
        async with records.reading() as snapshot:
            attached = await snapshot.attached(Attachment("post", "7"))

        assert [(int(image.id, 16), image.position, image.hidden) for image in attached] == [
            (6, 0, True),
            (5, 1, False),
        ]

    async def test_an_answer_is_given_again(self, records: SqlRecords) -> None:
        question = Question("key:k1", "0190-once", "d" * 64)
        later = NOW + timedelta(hours=1)

        async with records.transaction() as tx:
            kept = await tx.answers.claim(question, now=later, until=later, expires_at=later)

        assert kept is not None
        assert (kept.question, kept.sealed) == (question, b"sealed")

    async def test_keys_end_when_they_were_to_end(self, records: SqlRecords) -> None:
        async with records.reading() as snapshot:
            keys = {key.id: key.expires_at for key in await snapshot.api_keys()}

        assert keys == {"k1": None, "k2": NOW + timedelta(days=1)}


@pytest.mark.parametrize("left_behind", since("0003"), ids=named, indirect=True)
async def test_what_was_being_moved_is_cleared_when_it_was_to_be(records: SqlRecords) -> None:
    due_at = NOW + timedelta(minutes=5)
    async with records.reading() as snapshot:
        (before, after) = [await snapshot.unclear(at, limit=10) for at in (NOW, due_at)]

    assert before == []
    assert [(int(image.id, 16), image.clear_due_at, image.reprocess_wanted_at) for image in after] == [(8, due_at, NOW)]


@pytest.mark.parametrize("left_behind", since("0004"), ids=named, indirect=True)
async def test_the_declaration_that_held_holds(records: SqlRecords) -> None:
    async with records.reading() as snapshot:
        declared = await snapshot.declared("avatar")

    assert declared == Declared(Declaration("avatar", {"thumb": "b" * 16}), since=NOW)
