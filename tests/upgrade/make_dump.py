"""Writes `data/<revision>.sql`: records as this revision leaves them. Run once, when a revision is released.

python tests/upgrade/make_dump.py
"""

import asyncio
import sqlite3
import tempfile
from contextlib import closing
from datetime import timedelta
from pathlib import Path

from safelight.adapters.records.migrate import migrate
from safelight.adapters.records.store import open_records
from safelight.domain.events import Action, AuditEvent, Delivery
from safelight.domain.image import Checksum, ChecksumAlgorithm, Ending, State
from safelight.domain.jobs import DeliveryId
from safelight.domain.who import ApiKey, ApiKeyId, Scope
from safelight.ports.records import Changes, Transaction
from safelight.testing.fakes import NOW, RecordingJobs
from safelight.testing.samples import LOOK, VERIFIED, new_image, rendition

LEASE = NOW + timedelta(minutes=5)


async def fill(tx: Transaction) -> None:
    """Add a requested, an uploaded, a ready and a rejected image, and what belongs to them."""
    await tx.add(new_image(1, checksum=Checksum(ChecksumAlgorithm.CRC32C, "4waSgw==")))
    uploaded = await tx.add(new_image(2, owner=None, attached_to=None))
    await tx.move(uploaded.id, was=State.REQUESTED, now=State.UPLOADED)
    ready, rejected = await tx.add(new_image(3)), await tx.add(new_image(4))
    for image in (ready, rejected):
        confirmed = await tx.move(image.id, was=State.REQUESTED, now=State.UPLOADED)
        await tx.take(confirmed, now=State.PROCESSING, lease_until=LEASE)
    await tx.note_verified(ready.id, attempt=1, verified=VERIFIED, look=LOOK)
    for width in (96, 192):
        await tx.add_rendition(rendition(ready.id, width=width), attempt=1)
    done = Changes(ready_at=NOW, original_kept=True)
    await tx.move(ready.id, was=State.PROCESSING, now=State.READY, changes=done)
    why = Changes(ending=Ending("truncated", "The end of this image is missing."))
    await tx.move(rejected.id, was=State.PROCESSING, now=State.REJECTED, changes=why)
    await tx.add_delivery(Delivery.owed(DeliveryId("d" * 32), ready.id, State.READY, at=NOW))
    await tx.audit(AuditEvent(NOW, Action.READY, "system", ready.id, address="192.0.2.1", request_id="r1"))
    await tx.add_api_key(ApiKey(ApiKeyId("k1"), "shop", "a" * 64, frozenset({Scope.READ, Scope.UPLOAD}), NOW))


async def make(path: Path) -> None:
    """Make a database at `path`."""
    migrate(path)
    async with open_records(path, RecordingJobs()) as records, records.transaction() as tx:
        await fill(tx)


def main() -> None:
    """Write the dump."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "records.db"
        asyncio.run(make(path))
        with closing(sqlite3.connect(path)) as database:
            (revision,) = database.execute("SELECT version_num FROM alembic_version").fetchone()
            dump = "\n".join(database.iterdump())
    (Path(__file__).parent / "data" / f"{revision}.sql").write_text(dump + "\n")


if __name__ == "__main__":
    main()
