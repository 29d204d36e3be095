"""Whatever is done at once to the same places, images and owners: nobody waits in vain, and all is counted right."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from itertools import count

import asyncpg
import pytest

from safelight.adapters.records.outbox import after_commit
from safelight.adapters.records.postgres import open_postgres_records
from safelight.adapters.records.store import SqlRecords
from safelight.deeds.place import find_room
from safelight.domain.errors import Refused
from safelight.domain.events import Origin
from safelight.domain.image import BYTES_OWED, HOLDING, Attachment, Image, State
from safelight.domain.kind import Kind
from safelight.domain.outcome import Done
from safelight.domain.owner import OwnerLimits
from safelight.domain.retry import Backoff
from safelight.domain.variant import cover
from safelight.domain.who import SYSTEM
from safelight.journey.attach import Wanted, attach_image
from safelight.journey.finalize import Retries, finalize_image
from safelight.ports.snapshot import ImageFilter
from safelight.testing.fakes import NOW, CountingIds, FrozenClock, RecordingJobs, RecordingSignals
from safelight.testing.samples import LOOK, new_image
from safelight.upkeep.delete_record import delete_record
from safelight.upkeep.erase import erase_owner

DEEDS = 800
AT_ONCE = 16
SEED = 11

THUMB = {"thumb": cover(96, 96)}
KINDS = [Kind("portrait", one_per_record=True, variants=THUMB), Kind("picture", at_most=5, variants=THUMB)]
RECORDS = [Attachment("post", str(number)) for number in range(3)]
OWNERS = ["anna", "bert", "carl", "dora"]
PLENTY = OwnerLimits(requests_per_minute=10_000, open_uploads=10_000, images=10_000, bytes=10**12)
ORIGIN = Origin(SYSTEM)


class Crowd:
    """Does things to a few records, kinds and owners, by chance."""

    def __init__(self, records: SqlRecords) -> None:
        self._records = records
        self._chance = random.Random(SEED)
        self._numbers = count(1)
        self._world = {
            "records": records,
            "signals": RecordingSignals(),
            "clock": FrozenClock(),
            "ids": CountingIds(),
            "told": True,
        }

    def deeds(self) -> list[Callable[[], Awaitable[object]]]:
        """Return many, in an order by chance; some sorts are more frequent than others."""
        sorts = [self.upload] * 6 + [self.attach] * 40 + [self.delete_record] * 2 + [self.erase, self.purge]
        return self._chance.choices(sorts, k=DEEDS)

    async def upload(self) -> None:
        """Request an image at a record, and process it to its end."""
        kind, target, owner = map(self._chance.choice, (KINDS, RECORDS, OWNERS))
        new = new_image(next(self._numbers), kind=kind.name, owner=owner, attached_to=target)
        async with self._records.transaction() as tx:
            await find_room(target, kind, tx)
            await tx.owners.reserve(owner, size=new.declared_bytes, limits=PLENTY, now=NOW)
            image = await tx.add(new)
        async with self._records.transaction() as tx:
            image = await tx.move(image.id, was=State.REQUESTED, now=State.UPLOADED)
            await tx.owners.see_unblocked(owner)
        async with self._records.transaction() as tx:
            taken = await tx.take(image, now=State.PROCESSING, lease_until=NOW)
        done = Done(LOOK, original_kept=True, one_per_record=kind.one_per_record)
        retries = Retries(3, Backoff(NOW - NOW, NOW - NOW, lambda: 0.0))
        if taken is not None:
            await finalize_image(taken, done, retries=retries, **self._world)

    async def attach(self) -> None:
        """Attach an image to a record, from wherever it is."""
        kind, target = map(self._chance.choice, (KINDS, RECORDS))
        if (image := await self._one(kind.name)) is not None:
            await attach_image(image.id, Wanted(target, kind, position=0), ORIGIN, **self._world)

    async def delete_record(self) -> None:
        """Delete all that is at a record."""
        await delete_record(self._chance.choice(RECORDS), ORIGIN, batch=3, **self._world)

    async def erase(self) -> None:
        """Erase an owner."""
        await erase_owner(self._chance.choice(OWNERS), ORIGIN, batch=3, **self._world)

    async def purge(self) -> None:
        """Note that the bytes of a deleted image are gone."""
        if (image := await self._one(state=State.DELETED)) is not None and image.state in BYTES_OWED:
            async with self._records.transaction() as tx:
                await tx.note_purged(image.id, at=NOW)

    async def _one(self, kind: str | None = None, state: State | None = None) -> Image | None:
        async with self._records.glance() as snapshot:
            some = await snapshot.page(ImageFilter(kind=kind, state=state), after=None, limit=20)
        return self._chance.choice(some) if some else None


@pytest.fixture
async def records(postgres_url: str) -> AsyncIterator[SqlRecords]:
    async with open_postgres_records(postgres_url, after_commit(RecordingJobs()), connections=AT_ONCE) as records:
        yield records


async def deadlocks(url: str) -> int:
    connection = await asyncpg.connect(url)
    try:
        query = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        return int(await connection.fetchval(query))
    finally:
        await connection.close()


async def test_nobody_waits_in_vain_and_everything_is_counted(records: SqlRecords, postgres_url: str) -> None:
    places = asyncio.Semaphore(AT_ONCE)

    async def do(deed: Callable[[], Awaitable[object]]) -> None:
        async with places:
            with suppress(Refused):  # the record is full, or another was faster
                await deed()

    await asyncio.gather(*map(do, Crowd(records).deeds()))

    assert await deadlocks(postgres_url) == 0
    async with records.reading() as snapshot:
        for owner in OWNERS:
            assert (await snapshot.owner(owner)).used == await snapshot.counted(owner)
        for target in RECORDS:
            there = await snapshot.attached(target, "portrait")
            assert sum(image.state is State.READY for image in there) <= 1
            assert all(image.state in HOLDING for image in there)
