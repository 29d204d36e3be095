"""What two processes do at the same moment: Postgres lets both read before either has written."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from safelight.adapters.records.outbox import after_commit
from safelight.adapters.records.postgres import open_postgres_records
from safelight.adapters.records.store import SqlRecords
from safelight.domain.errors import RequestInvalid
from safelight.domain.events import Delivery, Origin
from safelight.domain.image import Attachment, ImageId, State
from safelight.domain.jobs import DeliveryId
from safelight.domain.retry import Backoff
from safelight.domain.urls import Links
from safelight.domain.who import SYSTEM
from safelight.journey.announce import Persistence, send_webhook
from safelight.testing.contracts.records import image_in
from safelight.testing.fakes import CountingIds, FrozenClock, RecordingJobs, RecordingNotifier, RecordingSignals
from safelight.testing.memory_store import MemoryObjectStore
from safelight.testing.samples import UPLOAD_TTL, new_image, rendition
from safelight.upkeep.erase import erase_owner
from safelight.upkeep.expire import expire_image
from storing import KIND, ZOOM, World, an_image, key_of, noted_and_there, sweep

GRACE = timedelta(hours=1)
OWED = DeliveryId("d" * 32)
LINKS = Links("https://api.example", lambda key: f"https://cdn.example/{key}")
PERSISTENCE = Persistence(
    timedelta(days=1), Backoff(timedelta(seconds=5), timedelta(hours=1), lambda: 1.0), timeout=timedelta(seconds=10)
)
WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted AND pid <> pg_backend_pid()"


@pytest.fixture
async def records(postgres_url: str) -> AsyncIterator[SqlRecords]:
    async with open_postgres_records(postgres_url, after_commit(RecordingJobs())) as records:
        yield records


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


async def until_they_wait(url: str, number: int) -> None:
    """Return when so many transactions wait for a lock."""
    connection = await asyncpg.connect(url)
    try:
        while await connection.fetchval(WAITING) < number:
            pass
    finally:
        await connection.close()


async def test_of_two_workers_with_one_webhook_one_sends_it(records: SqlRecords, postgres_url: str, clock: FrozenClock):
    image = await image_in(records, State.READY)
    async with records.transaction() as tx:
        await tx.add_delivery(Delivery.owed(OWED, image.id, State.READY, at=clock.now()))
    notifier = RecordingNotifier()

    async def send() -> Any:
        return await send_webhook(
            OWED, records=records, notifier=notifier, links=LINKS, clock=clock, persistence=PERSISTENCE
        )

    locker = await asyncpg.connect(postgres_url)
    async with locker.transaction():
        await locker.execute("SELECT FROM delivery FOR UPDATE")
        trying = asyncio.gather(send(), send())
        await until_they_wait(postgres_url, 2)
    tried = await trying
    await locker.close()

    assert len(notifier.sent) == 1
    assert tried.count(None) == 1


async def test_an_image_whose_upload_is_being_signed_again_does_not_expire(
    records: SqlRecords, postgres_url: str, clock: FrozenClock
):
    image = await image_in(records, State.REQUESTED)
    clock.advance(UPLOAD_TTL + GRACE)
    expiring = expire_image(
        image, records=records, objects=MemoryObjectStore(), signals=RecordingSignals(), clock=clock, grace=GRACE
    )

    async with records.transaction() as tx:
        await tx.resign(image.id, upload_attempt=2, expires_at=clock.now() + UPLOAD_TTL)
        state = asyncio.create_task(expiring)
        await until_they_wait(postgres_url, 1)

    assert await state is State.REQUESTED


@pytest.mark.parametrize("change", ["drop", "retire"])
async def test_whoever_changes_the_renditions_of_an_image_that_is_purged_waits_for_the_image_first(
    records: SqlRecords, postgres_url: str, clock: FrozenClock, change: str
):
    image = await image_in(records, State.READY)
    stored = rendition(image.id)
    async with records.transaction() as tx:
        await tx.add_rendition(stored, attempt=image.attempt)
        await tx.move(image.id, was=State.READY, now=State.DELETED)

    async def swap() -> None:
        async with records.transaction() as tx:
            if change == "drop":
                await tx.drop_renditions(image.id, [stored])
            else:
                await tx.retire_renditions(image.id, [stored], at=clock.now())

    async with records.transaction() as tx:
        await tx.hold([image.id])
        swapping = asyncio.create_task(swap())
        await until_they_wait(postgres_url, 1)
        await tx.note_purged(image.id, at=clock.now())
    await swapping

    async with records.reading() as snapshot:
        assert not await snapshot.renditions(image.id)


async def test_what_is_being_noted_as_the_sweep_comes_stays(records: SqlRecords, postgres_url: str):
    world = World(records)
    image = await an_image(world)

    async with world.records.transaction() as tx:
        await tx.add_rendition(ZOOM.as_rendition(image.id, KIND), attempt=image.attempt)
        sweeping = asyncio.create_task(sweep(world, image))
        await until_they_wait(postgres_url, 1)
    await sweeping

    noted, there = await noted_and_there(world, image)
    assert key_of(ZOOM, image) in noted
    assert noted == there


async def test_no_place_is_left_of_an_image_that_is_attached_elsewhere_while_its_owner_is_erased(
    records: SqlRecords, postgres_url: str, clock: FrozenClock
):
    here, elsewhere = Attachment("user", "1"), Attachment("user", "2")
    async with records.transaction() as tx:
        await tx.places.lock(here, "avatar")
        image = await tx.add(new_image(attached_to=here))

    async with records.transaction() as tx:
        for target in (here, elsewhere):
            await tx.places.lock(target, image.kind)
        erasing = asyncio.create_task(
            erase_owner(
                image.owner or "", Origin(SYSTEM), records=records, signals=RecordingSignals(), clock=clock,
                ids=CountingIds(), told=False, batch=10,
            )
        )  # fmt: skip
        await until_they_wait(postgres_url, 1)
        await tx.places.attach(image.id, elsewhere, position=0, at=clock.now())
        await tx.places.forget(here)
    await erasing

    connection = await asyncpg.connect(postgres_url)
    places = await connection.fetch("SELECT id FROM place")
    await connection.close()
    assert not places


async def test_text_that_postgres_does_not_know_is_its_callers_mistake(records: SqlRecords):
    with pytest.raises(RequestInvalid):
        async with records.glance() as snapshot:
            await snapshot.image(ImageId("\0"))
