"""Writes `data/sqlite/<revision>.sql` and `data/postgres/<revision>.sql`: records as the newest revision leaves them.

python tests/upgrade/make_dump.py

Run it with every revision that is added, and again when that changes before it is released.
"""

import asyncio
import sqlite3
import tempfile
from contextlib import closing
from datetime import timedelta
from pathlib import Path

from safelight.adapters.records.migrate import migrate, present_revision
from safelight.adapters.records.migrate_postgres import migrate_postgres
from safelight.adapters.records.outbox import after_commit
from safelight.adapters.records.postgres import open_postgres_records
from safelight.adapters.records.store import open_records
from safelight.domain.answer import Question
from safelight.domain.declaration import Declaration
from safelight.domain.events import Action, AuditEvent, Delivery
from safelight.domain.image import Attachment, Checksum, ChecksumAlgorithm, Ending, Image, NewImage, State
from safelight.domain.jobs import DeliveryId
from safelight.domain.owner import OwnerLimits
from safelight.domain.who import ApiKey, ApiKeyId, Scope
from safelight.ports.records import Changes, Transaction
from safelight.testing.fakes import NOW, RecordingJobs
from safelight.testing.postgres import PostgresServer
from safelight.testing.samples import LOOK, VERIFIED, new_image, rendition

LEASE = NOW + timedelta(minutes=5)


LIMITS = OwnerLimits(requests_per_minute=100, open_uploads=100, images=100, bytes=10**9)
POST = Attachment("post", "7")
CLAIMED_UNTIL, KEPT_UNTIL = NOW + timedelta(minutes=1), NOW + timedelta(days=1)
DECLARATIONS = (Declaration("avatar", {"thumb": "a" * 16}), Declaration("avatar", {"thumb": "b" * 16}))
ANSWERED = Question("key:k1", "0190-once", "d" * 64)


async def request(tx: Transaction, new: NewImage) -> Image:
    """Reserve for an image and add it, as REQUEST does."""
    if new.owner is not None:
        await tx.owners.reserve(new.owner, size=new.declared_bytes, limits=LIMITS, now=NOW)
    return await tx.add(new)


async def fill(tx: Transaction) -> None:
    """Add a requested, an uploaded, a ready and a rejected image, and what belongs to them; then owners and places."""
    await request(tx, new_image(1, checksum=Checksum(ChecksumAlgorithm.CRC32C, "4waSgw==")))
    uploaded = await request(tx, new_image(2, owner=None, attached_to=None))
    await tx.move(uploaded.id, was=State.REQUESTED, now=State.UPLOADED)
    ready, rejected = await request(tx, new_image(3)), await request(tx, new_image(4))
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
    await fill_places(tx)
    await fill_owners(tx)
    await fill_sides(tx)
    for declaration in DECLARATIONS:
        await tx.declarations.declare(declaration, at=NOW)


async def fill_places(tx: Transaction) -> None:
    """Attach two images to a post, in the other order than that in which they were added; one of them is hidden."""
    for number, hidden in ((5, False), (6, True)):
        await request(tx, new_image(number, owner="author", attached_to=None, hidden=hidden))
    await tx.places.lock(POST, "avatar")
    for position, number in enumerate((6, 5)):
        await tx.places.attach(new_image(number).id, POST, position=position, at=NOW)


async def fill_owners(tx: Transaction) -> None:
    """Block an owner that has an image, and one that has none; keep an answer, and let an API key end."""
    await request(tx, new_image(7, owner="blocked", attached_to=None))
    for owner_id in ("blocked", "never seen"):
        await tx.owners.block(owner_id, at=NOW)
    await tx.answers.claim(ANSWERED, now=NOW, until=CLAIMED_UNTIL, expires_at=KEPT_UNTIL)
    await tx.answers.keep(ANSWERED, claimed_until=CLAIMED_UNTIL, sealed=b"sealed")
    ending = ApiKey(ApiKeyId("k2"), "old shop", "b" * 64, frozenset({Scope.READ}), NOW, expires_at=KEPT_UNTIL)
    await tx.add_api_key(ending)


async def fill_sides(tx: Transaction) -> None:
    """Leave a ready image whose other side is to be cleared, and that is wanted to be rendered again."""
    new = await request(tx, new_image(8, owner=None, attached_to=None))
    confirmed = await tx.move(new.id, was=State.REQUESTED, now=State.UPLOADED)
    await tx.take(confirmed, now=State.PROCESSING, lease_until=LEASE)
    await tx.note_verified(new.id, attempt=1, verified=VERIFIED, look=None)
    await tx.add_rendition(rendition(new.id), attempt=1)
    await tx.move(new.id, was=State.PROCESSING, now=State.READY, changes=Changes(ready_at=NOW, original_kept=True))
    await tx.retire_renditions(new.id, [rendition(new.id)], at=NOW)
    await tx.sides.owe(new.id, at=LEASE)
    await tx.want_reprocess(new.id, at=NOW)


async def sqlite_dump(path: Path) -> str:
    """Return a filled SQLite database as SQL."""
    migrate(path)
    async with open_records(path, RecordingJobs()) as records, records.transaction() as tx:
        await fill(tx)
    with closing(sqlite3.connect(path)) as database:
        return "\n".join(database.iterdump())


async def postgres_dump(server: PostgresServer) -> str:
    """Return a filled Postgres database as SQL, without what only `psql` understands."""
    url = server.create_database("records")
    await migrate_postgres(url)
    async with open_postgres_records(url, after_commit(RecordingJobs())) as records, records.transaction() as tx:
        await fill(tx)
    lines = server.dump("records").splitlines()
    return "\n".join(line for line in lines if line and not line.startswith(("--", "\\")))


def main() -> None:
    """Write both dumps."""
    with tempfile.TemporaryDirectory() as folder, PostgresServer() as server:
        path = Path(folder) / "records.db"
        dumps = {"sqlite": asyncio.run(sqlite_dump(path)), "postgres": asyncio.run(postgres_dump(server))}
        revision = present_revision(path)
    for database, dump in dumps.items():
        (Path(__file__).parent / "data" / database / f"{revision}.sql").write_text(dump + "\n")


if __name__ == "__main__":
    main()
