"""Erasing an owner: all of its images, its name, and what it used, also where it was broken off."""

from datetime import timedelta
from typing import Any

import pytest

from safelight.domain.answer import Question
from safelight.domain.events import Action, WebhookEvent
from safelight.domain.image import HOLDING, Attachment, Image, ImageId, State
from safelight.domain.jobs import PurgeImage
from safelight.domain.owner import OwnerLimits, Usage
from safelight.ports.snapshot import AuditFilter, ImageFilter
from safelight.testing.samples import rendition
from safelight.upkeep.erase import Erased, erase_owner

OWNER = "user-42"
ROOM = OwnerLimits(requests_per_minute=1000, open_uploads=1000, images=1000, bytes=2**40)


async def erase(stage: Any, owner_id: str = OWNER, *, batch: int = 50, records: Any = None) -> Erased:
    return await erase_owner(
        owner_id,
        stage.origin,
        records=records or stage.records,
        signals=stage.signals,
        clock=stage.clock,
        ids=stage.ids,
        told=True,
        batch=batch,
    )


async def images_of(stage: Any, owner_id: str = OWNER) -> list[Image]:
    async with stage.records.reading() as snapshot:
        return list(await snapshot.page(ImageFilter(owner=owner_id), after=None, limit=100))


async def reserved(stage: Any, number: int, **changes: object) -> Image:
    """Return an image that counts towards its owner's quota."""
    async with stage.records.transaction() as tx:
        await tx.owners.reserve(OWNER, size=100, limits=ROOM, now=stage.clock.now())
    image: Image = await stage.image_in(State.REQUESTED, number, **{"owner": OWNER, "declared_bytes": 100, **changes})
    return image


@pytest.mark.parametrize("batch", [1, 2, 9, 50])
async def test_all_images_of_the_owner_are_deleted_and_their_names_forgotten(stage: Any, batch: int):
    images = [await stage.image_in(state, number, declared_bytes=100) for number, state in enumerate(State)]

    erased = await erase(stage, batch=batch)

    holding = [image for image in images if image.state in HOLDING]
    stored = [await stage.stored(image.id) for image in images]
    assert (erased.owner, erased.images, erased.bytes) == (OWNER, 6, 600)
    assert {(one.owner, one.attached_to, one.attached_at) for one in stored} == {(None, None, None)}
    assert {one.state for one in stored} == set(State) - HOLDING
    assert {job for job in stage.queued() if isinstance(job, PurgeImage)} == {PurgeImage(one.id) for one in holding}
    assert [owed.event for owed in await stage.owed()] == [WebhookEvent.DELETED] * 6
    assert await images_of(stage) == []


async def test_other_owners_are_left_alone(stage: Any):
    foreign = await stage.image_in(State.READY, 1, owner="user-43")
    nobodys = await stage.image_in(State.READY, 2, owner=None)

    await erase(stage)

    assert [await stage.stored(one.id) for one in (foreign, nobodys)] == [foreign, nobodys]


async def test_the_report_counts_renditions_and_the_audit_log_keeps_what_was_done(stage: Any):
    image = await stage.image_in(State.PROCESSING)
    async with stage.records.transaction() as tx:
        for variant in ("thumb", "wide"):
            await tx.add_rendition(rendition(image.id, variant), attempt=1)

    erased = await erase(stage)

    async with stage.records.reading() as snapshot:
        events = [event for _, event in await snapshot.audit_log(AuditFilter(owner=OWNER), after=None, limit=10)]
    assert erased.renditions == 2
    assert [event.action for event in events] == [Action.DELETED, Action.OWNER_ERASED]
    assert (erased.audit_events, events[-1].result) == (2, "1 images")


async def test_what_the_owner_used_is_given_back_and_forgotten(stage: Any):
    await reserved(stage, 1)
    await reserved(stage, 2)

    await erase(stage, batch=1)

    async with stage.records.reading() as snapshot:
        assert (await snapshot.owner(OWNER)).used == Usage()
        assert await snapshot.list_owners(after=None, limit=10) == []


async def test_what_was_answered_to_the_user_is_dropped(stage: Any):
    now = stage.clock.now()
    times = {"now": now, "until": now + timedelta(minutes=1), "expires_at": now + timedelta(days=1)}
    async with stage.records.transaction() as tx:
        for caller in (f"user:{OWNER}", "user:other"):
            await tx.answers.claim(Question(caller, "key", "0" * 64), **times)

    erased = await erase(stage)

    assert erased.answers == 1


class PowerCut(Exception):
    """The process ends here."""


class Breaking:
    """Records that work for so many transactions, and for no more."""

    def __init__(self, stage: Any, transactions: int) -> None:
        self._records, self._left = stage.records, transactions

    def transaction(self) -> Any:
        if self._left == 0:
            raise PowerCut
        self._left -= 1
        return self._records.transaction()


@pytest.mark.parametrize("transactions", range(5))
async def test_an_erasure_that_was_broken_off_goes_on_where_it_was(stage: Any, transactions: int):
    targets = [Attachment("post", str(number)) for number in range(7)]
    images = [await reserved(stage, number, attached_to=target) for number, target in enumerate(targets)]
    with pytest.raises(PowerCut):
        await erase(stage, batch=2, records=Breaking(stage, transactions))

    rest = await erase(stage, batch=2)

    done = min(2 * transactions, 7)
    assert (rest.images, rest.bytes) == (7 - done, 100 * (7 - done))
    assert await images_of(stage) == []
    assert {(await stage.stored(ImageId(image.id))).state for image in images} == {State.DELETED}
    async with stage.records.reading() as snapshot:
        assert await snapshot.list_owners(after=None, limit=10) == []


async def test_erasing_again_finds_nothing(stage: Any):
    await stage.image_in(State.READY)

    await erase(stage)
    again = await erase(stage)

    assert (again.images, again.bytes, again.renditions) == (0, 0, 0)
