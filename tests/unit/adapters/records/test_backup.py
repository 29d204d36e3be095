"""A backup holds one state of the records, whole, taken while they are written."""

import asyncio
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from safelight.adapters.records.backup import backup
from safelight.adapters.records.migrate import pending_migrations
from safelight.adapters.records.store import SqlRecords, open_records
from safelight.domain.errors import StorageFailed
from safelight.domain.events import Action, AuditEvent
from safelight.testing.fakes import NOW, RecordingJobs
from safelight.testing.samples import new_image

ROLLBACK_JOURNAL = b"\x01\x01"
"""In the header: written and read without a write-ahead log, which would be 2 (SQLite's file format, section 1.3.3)."""


async def test_a_backup_taken_while_records_are_written_holds_no_half_transaction(
    records: SqlRecords, database: Path, tmp_path: Path
) -> None:
    copying = asyncio.Event()

    async def write(number: int) -> None:
        async with records.transaction() as tx:
            image = await tx.add(new_image(number))
            await tx.audit(AuditEvent(NOW, Action.REQUESTED, "system", image.id))
        if number == 20:
            copying.set()

    async def copy() -> None:
        await copying.wait()
        await asyncio.to_thread(backup, database, tmp_path / "copy.db")

    await asyncio.gather(copy(), *(write(number) for number in range(100)))

    with closing(sqlite3.connect(tmp_path / "copy.db")) as copied:
        images = copied.execute("SELECT count(*) FROM image").fetchone()
        audited = copied.execute("SELECT count(*) FROM audit_event").fetchone()
        assert images == audited
        assert images[0] >= 21
        assert copied.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_backup_needs_no_log_beside_it(database: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(database)) as live:
        live.execute("PRAGMA journal_mode=WAL")

    backup(database, tmp_path / "copy.db")

    file_format_versions = (tmp_path / "copy.db").read_bytes()[18:20]
    assert file_format_versions == ROLLBACK_JOURNAL


async def test_a_backup_is_one_private_file_that_opens_as_records(
    records: SqlRecords, database: Path, tmp_path: Path
) -> None:
    async with records.transaction() as tx:
        image = await tx.add(new_image())

    (tmp_path / "backups").mkdir()
    backup(database, tmp_path / "backups" / "copy.db")

    assert [path.name for path in (tmp_path / "backups").iterdir()] == ["copy.db"]
    assert stat.S_IMODE((tmp_path / "backups" / "copy.db").stat().st_mode) == 0o600
    assert pending_migrations(tmp_path / "backups" / "copy.db") == ()
    async with open_records(tmp_path / "backups" / "copy.db", RecordingJobs()) as copied, copied.reading() as snapshot:
        assert await snapshot.image(image.id) == image


def test_a_backup_never_replaces_a_file(database: Path, tmp_path: Path) -> None:
    (tmp_path / "copy.db").write_text("precious")

    with pytest.raises(StorageFailed, match=r"copy\.db"):
        backup(database, tmp_path / "copy.db")

    assert (tmp_path / "copy.db").read_text() == "precious"
    assert not list(tmp_path.glob("*.unfinished"))


def test_without_a_database_there_is_no_backup(tmp_path: Path) -> None:
    with pytest.raises(StorageFailed):
        backup(tmp_path / "nothing.db", tmp_path / "copy.db")

    assert list(tmp_path.iterdir()) == []
