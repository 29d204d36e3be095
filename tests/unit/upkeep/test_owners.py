"""Blocks: at once, noted once, and undone whole."""

from datetime import timedelta
from typing import Any

import pytest

from safelight.domain import keys
from safelight.domain.errors import OwnerBlocked, StorageFailed
from safelight.domain.events import Action
from safelight.domain.image import HOLDING, Image, State
from safelight.domain.jobs import ProcessImage
from safelight.ports.records import Changes
from safelight.ports.snapshot import AuditFilter
from safelight.testing.samples import rendition
from safelight.upkeep.forget import forget_records
from safelight.upkeep.owners import block_owner, unblock_owner
from safelight.upkeep.reconcile import reconcile
from safelight.upkeep.sweep import sweep_orphans

ANNA, BERT = "anna", "bert"
HOUR, YEAR = timedelta(hours=1), timedelta(days=365)


async def block(stage: Any, owner_id: str = ANNA) -> bool:
    return await block_owner(owner_id, stage.origin, records=stage.records, clock=stage.clock)


async def unblock(stage: Any, owner_id: str = ANNA) -> bool:
    return await unblock_owner(owner_id, stage.origin, records=stage.records, clock=stage.clock)


async def blocked(stage: Any) -> bool:
    async with stage.records.transaction() as tx:
        try:
            await tx.owners.see_unblocked(ANNA)
        except OwnerBlocked:
            return True
    return False


async def test_an_owner_is_blocked_before_it_was_ever_seen_and_until_it_is_unblocked(stage: Any):
    at_first = await blocked(stage)
    done = await block(stage), await blocked(stage), await unblock(stage), await blocked(stage)

    assert at_first is False
    assert done == (True, True, True, False)


async def test_every_change_is_in_the_audit_log_and_nothing_else(stage: Any):
    done = [await block(stage), await block(stage), await unblock(stage), await unblock(stage)]

    async with stage.records.reading() as snapshot:
        log = [event for _, event in await snapshot.audit_log(AuditFilter(owner=ANNA), after=None, limit=10)]
    assert done == [True, False, True, False]
    assert [event.action for event in log] == [Action.OWNER_BLOCKED, Action.OWNER_UNBLOCKED]
    assert {(event.target, event.owner, event.address) for event in log} == {("owner:anna", ANNA, "192.0.2.1")}


async def test_what_waited_for_the_end_of_a_block_is_queued_each_for_its_time(stage: Any):
    at_once, later, others = [
        await stage.image_in(State.PROCESSING, number, owner=owner) for number, owner in enumerate((ANNA, ANNA, BERT))
    ]
    due = {at_once: None, later: stage.clock.now() + stage.retries.backoff.base, others: None}
    for image, again in due.items():
        async with stage.records.transaction() as tx:
            changes = Changes(next_attempt_at=again)
            await tx.move(image.id, was=State.PROCESSING, now=State.UPLOADED, changes=changes)
    await stage.image_in(State.READY, 4, owner=ANNA)
    await block(stage)

    await unblock(stage)

    assert sorted(stage.jobs.queued, key=str) == sorted(
        [(ProcessImage(at_once.id), None), (ProcessImage(later.id), due[later])], key=str
    )


async def test_a_block_ends_though_the_queue_is_away(stage: Any, monkeypatch: pytest.MonkeyPatch):
    await stage.image_in(State.UPLOADED, owner=ANNA)
    await block(stage)

    async def be_away(*_: object, **__: object) -> None:
        raise StorageFailed("the queue gives no answer")

    monkeypatch.setattr(stage.jobs, "enqueue", be_away)

    assert await unblock(stage) is True
    assert await blocked(stage) is False


@pytest.mark.parametrize("owner_id", [BERT, ANNA])
async def test_where_there_is_no_block_nothing_is_queued(stage: Any, owner_id: str):
    await stage.image_in(State.UPLOADED, owner=owner_id)

    assert await unblock(stage, owner_id) is False
    assert stage.queued() == []


async def with_bytes(stage: Any, state: State, number: int) -> Image:
    """Return an image with the objects that one in its state has."""
    rendered = state in {State.HELD, State.READY}
    image: Image = await stage.image_in(State.PROCESSING if rendered else state, number, owner=ANNA)
    if not rendered:
        stage.upload(image)
        return image
    thumb = rendition(image.id)
    for key in (keys.original(image.id), keys.rendition(thumb, public=image.public)):
        stage.objects.keep(key, b"bytes")
    async with stage.records.transaction() as tx:
        await tx.add_rendition(thumb, attempt=image.attempt)
        done: Image = await tx.move(image.id, was=image.state, now=state, changes=Changes(original_kept=True))
    return done


async def test_a_year_of_upkeep_takes_nothing_from_a_blocked_owner(stage: Any):
    images = [await with_bytes(stage, state, number) for number, state in enumerate(sorted(HOLDING))]
    await block(stage)
    before = await stage.keys()
    stage.clock.advance(YEAR)

    await reconcile(
        records=stage.records, objects=stage.objects, signals=stage.signals, clock=stage.clock, grace=HOUR, limit=100
    )
    await sweep_orphans(records=stage.records, objects=stage.objects, clock=stage.clock, grace=HOUR, batch=100)
    await forget_records(
        records=stage.records, clock=stage.clock, record_retention=HOUR, audit_retention=YEAR, batch=100
    )

    assert len(before) == len(HOLDING) + 2
    assert await stage.keys() == before
    assert [await stage.stored(image.id) for image in images] == images
    assert stage.queued() == []
