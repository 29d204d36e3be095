"""Deleting what is attached to a record: all of it, nothing else, and some at a time."""

from typing import Any

import pytest

from safelight.domain.events import Action, WebhookEvent
from safelight.domain.image import HOLDING, Attachment, State
from safelight.domain.jobs import PurgeImage
from safelight.ports.snapshot import AuditFilter
from safelight.upkeep.delete_record import Removed, delete_record

POST = Attachment("post", "7")


async def delete(stage: Any, *, batch: int = 50) -> Removed:
    return await delete_record(
        POST,
        stage.origin,
        records=stage.records,
        signals=stage.signals,
        clock=stage.clock,
        ids=stage.ids,
        told=True,
        batch=batch,
    )


@pytest.mark.parametrize("batch", [1, 2, 6, 50])
async def test_images_of_every_kind_and_state_are_deleted(stage: Any, batch: int):
    kinds = ["avatar", "portrait"] * 3
    images = [
        await stage.image_in(state, number, attached_to=POST, kind=kind, declared_bytes=100)
        for number, (state, kind) in enumerate(zip(sorted(HOLDING), kinds, strict=True))
    ]

    removed = await delete(stage, batch=batch)

    assert removed == Removed(images=6, bytes=600)
    assert [(await stage.stored(image.id)).state for image in images] == [State.DELETED] * 6
    assert {job for job in stage.queued() if isinstance(job, PurgeImage)} == {PurgeImage(one.id) for one in images}
    assert [owed.event for owed in await stage.owed()] == [WebhookEvent.DELETED] * 6
    assert [await stage.actions(image.id) for image in images] == [[Action.DELETED]] * 6
    assert sorted(stage.signals.changed_images) == [image.id for image in images]


async def test_what_is_elsewhere_or_over_is_left_alone(stage: Any):
    elsewhere = await stage.image_in(State.READY, 1, attached_to=Attachment("post", "8"))
    over = await stage.image_in(State.REJECTED, 2, attached_to=POST)

    removed = await delete(stage)

    assert removed == Removed(0, 0)
    assert [await stage.stored(one.id) for one in (elsewhere, over)] == [elsewhere, over]


async def test_the_audit_log_says_that_the_record_was_deleted(stage: Any):
    await stage.image_in(State.READY, attached_to=POST)

    await delete(stage)
    await delete(stage)

    async with stage.records.reading() as snapshot:
        events = [event for _, event in await snapshot.audit_log(AuditFilter(), after=None, limit=10)]
    told = [(event.target, event.result) for event in events if event.action is Action.RECORD_DELETED]
    assert told == [("record:post/7", "1 images"), ("record:post/7", "0 images")]
