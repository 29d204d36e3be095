"""Step 6: every ending has its state, its audit event, its webhook and its job."""

from datetime import timedelta
from typing import Any

import pytest

from safelight.domain import keys
from safelight.domain.declaration import Declaration
from safelight.domain.errors import SENTENCES, Reason, WrongState
from safelight.domain.events import Action, WebhookEvent
from safelight.domain.image import Attachment, Ending, Image, Look, Rendition, State
from safelight.domain.jobs import ProcessImage, PurgeImage, ReprocessImage, SendWebhook
from safelight.domain.outcome import Broken, Done, Outcome, Spoilt, Waits
from safelight.journey.finalize import FAILED_MESSAGE, finalize_image
from safelight.testing.samples import audit_of, rendition

LOOK = Look("3OcRJYB4d3h/iIeHeEh3eIhw+j2w", "#7a5b3c")
BROKEN = Broken("rendering_failed", "no answer")
WAITS = Waits("scanner_failed", "no connection")


async def finalize(stage: Any, image: Image, outcome: Outcome, *, told: bool = True) -> State:
    return await finalize_image(
        image,
        outcome,
        records=stage.records,
        signals=stage.signals,
        clock=stage.clock,
        ids=stage.ids,
        retries=stage.retries,
        told=told,
    )


async def taken(stage: Any, times: int = 1) -> Image:
    image = await stage.image_in(State.UPLOADED)
    for _ in range(times):
        async with stage.records.transaction() as tx:
            image = await tx.take(image, now=State.PROCESSING, lease_until=stage.clock.now())
    return image


async def test_a_finished_image_is_ready_and_the_application_is_told(stage: Any):
    image = await taken(stage)

    state = await finalize(stage, image, Done(LOOK, original_kept=True))

    stored = await stage.stored(image.id)
    (owed,) = await stage.owed()
    assert state is stored.state is State.READY
    assert (stored.look, stored.original_kept, stored.ready_at) == (LOOK, True, stage.clock.now())
    assert (owed.event, owed.image_id) == (WebhookEvent.READY, image.id)
    assert stage.queued() == [SendWebhook(owed.id)]
    assert await stage.actions(image.id) == [Action.READY]
    assert stage.signals.changed_images == [image.id]


async def test_what_a_try_of_a_kind_that_has_changed_since_had_made_is_dropped(stage: Any):
    image = await taken(stage)
    kept, stale = [
        Rendition(image.id, "thumb", fingerprint, "webp", 96, 96, 100) for fingerprint in ("a" * 16, "b" * 16)
    ]
    async with stage.records.transaction() as tx:
        for one in (kept, stale):
            await tx.add_rendition(one, attempt=image.attempt)

    await finalize(stage, image, Done(LOOK, original_kept=True, renditions={keys.rendition(kept, public=image.public)}))

    assert await stage.renditions(image.id) == [kept]


@pytest.mark.parametrize("reason", Reason)
async def test_a_spoilt_file_is_rejected_with_a_sentence_and_purged(stage: Any, reason: Reason):
    image = await taken(stage)

    state = await finalize(stage, image, Spoilt(reason))

    stored = await stage.stored(image.id)
    (owed,) = await stage.owed()
    assert state is stored.state is State.REJECTED
    assert stored.ending == Ending(reason, SENTENCES[reason])
    assert stage.queued() == [PurgeImage(image.id), SendWebhook(owed.id)]
    assert owed.event is WebhookEvent.REJECTED


async def test_our_own_fault_is_tried_again_later_and_nobody_is_told(stage: Any):
    image = await taken(stage, times=2)

    state = await finalize(stage, image, BROKEN)

    stored = await stage.stored(image.id)
    again = stage.clock.now() + timedelta(seconds=4)
    assert state is stored.state is State.UPLOADED
    assert stored.next_attempt_at == again
    assert stage.jobs.queued == [(ProcessImage(image.id), again)]
    assert (await stage.owed(), await stage.actions(image.id)) == ([], [])
    assert stage.signals.changed_images == [image.id]


async def test_after_the_last_try_it_has_failed(stage: Any):
    image = await taken(stage, times=3)

    state = await finalize(stage, image, BROKEN)

    stored = await stage.stored(image.id)
    (owed,) = await stage.owed()
    assert state is stored.state is State.FAILED
    assert stored.ending == Ending("rendering_failed", FAILED_MESSAGE)
    assert (owed.event, stage.queued()) == (WebhookEvent.FAILED, [SendWebhook(owed.id)])
    assert await stage.actions(image.id) == [Action.FAILED]


async def test_an_image_that_waits_for_its_scanner_is_only_put_off(stage: Any):
    """It waits as long again as it has waited, and nobody who watches it sees anything."""
    image = await stage.image_in(State.UPLOADED)
    now = stage.clock.advance(timedelta(seconds=20))

    state = await finalize(stage, image, WAITS)

    stored = await stage.stored(image.id)
    assert state is stored.state is State.UPLOADED
    assert (stored.attempt, stored.revision) == (image.attempt, image.revision)
    assert stored.next_attempt_at == now + timedelta(seconds=20)
    assert stage.jobs.queued == [(ProcessImage(image.id), stored.next_attempt_at)]
    assert (await stage.owed(), await stage.actions(image.id), stage.signals.changed_images) == ([], [], [])


async def test_a_scanner_that_breaks_down_uses_up_no_attempt(stage: Any):
    image = await taken(stage, times=3)

    state = await finalize(stage, image, WAITS)

    stored = await stage.stored(image.id)
    assert state is stored.state is State.UPLOADED
    assert (stored.attempt, stored.next_attempt_at) == (2, stage.clock.now() + timedelta(seconds=2))
    assert stage.jobs.queued == [(ProcessImage(image.id), stored.next_attempt_at)]
    assert (await stage.owed(), await stage.actions(image.id)) == ([], [])


async def test_an_image_that_another_took_or_deleted_is_not_put_off(stage: Any):
    known = await stage.image_in(State.UPLOADED)
    async with stage.records.transaction() as tx:
        await tx.take(known, now=State.PROCESSING, lease_until=stage.clock.now())

    with pytest.raises(WrongState):
        await finalize(stage, known, WAITS)

    assert stage.queued() == []


async def test_the_audit_log_says_that_a_file_was_not_scanned(stage: Any):
    image = await taken(stage)

    await finalize(stage, image, Done(LOOK, original_kept=True, unscanned="no connection"))

    async with stage.records.reading() as snapshot:
        (event,) = await audit_of(image.id, snapshot)
    assert (event.action, event.result) == (Action.READY, "unscanned")


async def test_an_application_that_wants_no_webhooks_is_owed_none(stage: Any):
    image = await taken(stage)

    await finalize(stage, image, Done(LOOK, original_kept=True), told=False)

    assert (await stage.owed(), stage.queued()) == ([], [])


@pytest.mark.parametrize("outcome", [Done(LOOK, original_kept=True), Spoilt(Reason.DAMAGED), BROKEN, WAITS], ids=repr)
async def test_a_worker_that_lost_the_image_decides_nothing(stage: Any, outcome: Outcome):
    lost = await taken(stage)
    async with stage.records.transaction() as tx:
        image = await tx.take(lost, now=State.PROCESSING, lease_until=stage.clock.now())

    with pytest.raises(WrongState):
        await finalize(stage, lost, outcome)

    assert await stage.stored(image.id) == image
    assert (stage.queued(), await stage.owed()) == ([], [])


async def test_an_image_that_was_deleted_meanwhile_stays_deleted(stage: Any):
    image = await taken(stage)
    async with stage.records.transaction() as tx:
        await tx.move(image.id, was=State.PROCESSING, now=State.DELETED)

    with pytest.raises(WrongState, match="deleted"):
        await finalize(stage, image, Done(LOOK, original_kept=True))

    assert (await stage.stored(image.id)).state is State.DELETED


async def portrait(stage: Any, number: int) -> Image:
    """Return an image that a worker has, of a kind of which a record has one."""
    image: Image = await stage.image_in(State.PROCESSING, number, kind="portrait")
    return image


async def test_a_ready_image_takes_the_place_of_the_one_before(stage: Any):
    old, new = await stage.image_in(State.READY, 1, kind="portrait"), await portrait(stage, 2)

    state = await finalize(stage, new, Done(LOOK, original_kept=True, one_per_record=True))

    assert state is State.READY
    assert [(await stage.stored(image.id)).state for image in (old, new)] == [State.DELETED, State.READY]
    assert {(owed.event, owed.image_id) for owed in await stage.owed()} == {
        (WebhookEvent.DELETED, old.id),
        (WebhookEvent.READY, new.id),
    }
    assert PurgeImage(old.id) in stage.queued()
    assert await stage.actions(old.id) == [Action.DELETED]
    assert sorted(stage.signals.changed_images) == [old.id, new.id]


async def test_an_image_that_is_ready_after_a_later_one_is_deleted_and_no_news(stage: Any):
    late, newer = await portrait(stage, 1), await stage.image_in(State.READY, 2, kind="portrait")

    state = await finalize(stage, late, Done(LOOK, original_kept=True, one_per_record=True))

    (owed,) = await stage.owed()
    assert state is State.DELETED
    assert [(await stage.stored(image.id)).state for image in (late, newer)] == [State.DELETED, State.READY]
    assert (owed.event, owed.image_id) == (WebhookEvent.DELETED, late.id)
    assert await stage.actions(late.id) == [Action.READY, Action.DELETED]
    assert stage.signals.changed_images == [late.id]


@pytest.mark.parametrize("outcome", [Spoilt(Reason.DAMAGED), BROKEN])
async def test_an_image_that_does_not_become_ready_takes_no_place(stage: Any, outcome: Outcome):
    old, new = await stage.image_in(State.READY, 1, kind="portrait"), await portrait(stage, 2)

    await finalize(stage, new, outcome)

    assert (await stage.stored(old.id)).state is State.READY


async def test_where_a_record_may_have_several_images_all_of_them_stay(stage: Any):
    old, new = await stage.image_in(State.READY, 1), await stage.image_in(State.PROCESSING, 2)

    await finalize(stage, new, Done(LOOK, original_kept=True))

    assert [(await stage.stored(image.id)).state for image in (old, new)] == [State.READY] * 2


async def test_an_image_that_was_attached_elsewhere_meanwhile_takes_the_place_there(stage: Any):
    elsewhere = Attachment("user", "43")
    here, new = await stage.image_in(State.READY, 1, kind="portrait"), await portrait(stage, 3)
    there = await stage.image_in(State.READY, 2, kind="portrait", attached_to=elsewhere)
    async with stage.records.transaction() as tx:
        await tx.places.attach(new.id, elsewhere, position=1, at=stage.clock.advance(timedelta(seconds=1)))

    await finalize(stage, new, Done(LOOK, original_kept=True, one_per_record=True))

    assert [(await stage.stored(image.id)).state for image in (here, there)] == [State.READY, State.DELETED]


LAST_TRY = 3


@pytest.mark.parametrize(
    ("outcome", "times"),
    [(Done(LOOK, original_kept=True), 1), (Spoilt(Reason.DAMAGED), 2), (BROKEN, LAST_TRY)],
    ids=["ready", "rejected", "failed"],
)
async def test_what_is_a_blocked_owners_comes_to_no_end_and_counts_as_never_tried(
    stage: Any, outcome: Outcome, times: int
):
    image = await taken(stage, times)
    await stage.block(image)

    state = await finalize(stage, image, outcome)

    stored = await stage.stored(image.id)
    assert state is stored.state is State.UPLOADED
    assert (stored.attempt, stored.lease_until, stored.next_attempt_at) == (times - 1, None, None)
    assert (stored.ready_at, stored.ending) == (None, None)
    assert (stage.queued(), await stage.owed(), await stage.actions(image.id)) == ([], [], [])
    assert stage.signals.changed_images == [image.id]


async def test_after_the_block_it_is_taken_and_ends_as_any_other(stage: Any):
    image = await taken(stage)
    await stage.block(image)
    await finalize(stage, image, Done(LOOK, original_kept=True))
    await stage.unblock(image)

    async with stage.records.transaction() as tx:
        (waiting,) = await tx.awaiting_work(stage.clock.now(), limit=10)
        again = await tx.take(waiting, now=State.PROCESSING, lease_until=stage.clock.now())
    state = await finalize(stage, again, Done(LOOK, original_kept=True))

    assert (again.attempt, state) == (1, State.READY)
    assert len(await stage.owed()) == 1


async def test_a_fault_of_ours_is_a_try_whoever_is_blocked(stage: Any):
    image = await taken(stage)
    await stage.block(image)

    await finalize(stage, image, BROKEN)

    stored = await stage.stored(image.id)
    assert (stored.state, stored.attempt) == (State.UPLOADED, 1)
    assert stored.next_attempt_at is not None


async def test_whoever_lost_the_image_hands_nothing_back(stage: Any):
    lost = await taken(stage)
    async with stage.records.transaction() as tx:
        image = await tx.take(lost, now=State.PROCESSING, lease_until=stage.clock.now())
    await stage.block(image)

    with pytest.raises(WrongState):
        await finalize(stage, lost, Done(LOOK, original_kept=True))

    assert await stage.stored(image.id) == image


async def test_a_finished_image_that_is_hidden_is_held_and_the_application_is_told(stage: Any):
    image = await stage.image_in(State.PROCESSING, hidden=True)

    state = await finalize(stage, image, Done(LOOK, original_kept=False))

    stored = await stage.stored(image.id)
    (owed,) = await stage.owed()
    assert state is stored.state is State.HELD
    assert (stored.look, stored.ready_at, stored.hidden, stored.is_shown) == (LOOK, None, True, False)
    assert (owed.event, stage.queued()) == (WebhookEvent.HELD, [SendWebhook(owed.id)])
    assert await stage.actions(image.id) == [Action.HELD]
    assert stage.signals.changed_images == [image.id]


async def test_a_spoilt_file_that_is_hidden_is_rejected_without_a_look(stage: Any):
    image = await stage.image_in(State.PROCESSING, hidden=True)

    assert await finalize(stage, image, Spoilt(Reason.DAMAGED)) is State.REJECTED


async def finished_by_an_older_process(stage: Any, *, original_kept: bool = True, **changes: Any) -> Image:
    """Let a process with an older kinds file finish an image, of which a newer one has rendered something before."""
    kind = stage.kinds["avatar"]
    await stage.outdate(kind)
    image = await stage.image_in(State.UPLOADED, **changes)
    async with stage.records.transaction() as tx:
        image = await tx.take(image, now=State.PROCESSING, lease_until=stage.clock.now())
        await tx.add_rendition(rendition(image.id, "newer"), attempt=image.attempt)
    await finalize(stage, image, Done(LOOK, original_kept=original_kept, declaration=Declaration.of(kind)))
    return await stage.stored(image.id)


async def test_a_process_with_an_older_kinds_file_undoes_nothing_and_has_the_image_rendered_again(stage: Any):
    image = await finished_by_an_older_process(stage)

    assert (image.state, image.reprocess_wanted_at) == (State.READY, stage.clock.now())
    assert ReprocessImage(image.id) in stage.queued()
    assert [one.variant for one in await stage.renditions(image.id)] == ["newer"]


async def test_one_that_is_held_is_to_be_rendered_again_as_well_once_it_is_ready(stage: Any):
    image = await finished_by_an_older_process(stage, hidden=True, public=False)

    async with stage.records.transaction() as tx:
        held_back = await tx.awaiting_reprocess(stage.clock.now(), limit=10)
        await tx.move(image.id, was=State.HELD, now=State.READY)
        due = await tx.awaiting_reprocess(stage.clock.now(), limit=10)
    assert held_back == []
    assert [one.id for one in due] == [image.id]


async def test_what_has_no_original_is_not_to_be_rendered_again(stage: Any):
    image = await finished_by_an_older_process(stage, original_kept=False)

    assert (image.state, image.reprocess_wanted_at) == (State.READY, None)


async def test_a_process_whose_kinds_file_is_the_newest_has_nothing_rendered_again(stage: Any):
    image = await taken(stage)
    declaration = Declaration.of(stage.kinds["avatar"])
    async with stage.records.transaction() as tx:
        await tx.declarations.declare(declaration, at=stage.clock.now())

    await finalize(stage, image, Done(LOOK, original_kept=True, declaration=declaration))

    assert (await stage.stored(image.id)).reprocess_wanted_at is None
