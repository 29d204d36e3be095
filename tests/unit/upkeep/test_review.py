"""The verdict on a held image: one counts, and nothing is public before it."""

import asyncio
from typing import Any

import pytest

from safelight.domain.errors import ImageBusy, Reason, StorageFailed, WrongState
from safelight.domain.events import Action, WebhookEvent
from safelight.domain.image import Image, State
from safelight.domain.jobs import PurgeImage, SendWebhook
from safelight.testing.samples import audit_of
from safelight.upkeep.owed import owe_reprocess
from safelight.upkeep.review import Review, Verdict, review_image

ALL = {"thumb", "wide", "poster"}
APPROVE, REJECT = Verdict.APPROVE, Verdict.REJECT


@pytest.fixture
async def held(image_with_files: Any) -> Image:
    """An image that waits for its verdict."""
    image: Image = await image_with_files(State.HELD, public=False, hidden=True)
    return image


async def review(
    stage: Any, image: Image, verdict: Verdict, *, public: bool = False, reason: str | None = None, told: bool = True
) -> Image:
    return await review_image(
        image,
        Review(verdict, stage.origin, public, reason),
        records=stage.records,
        objects=stage.objects,
        signals=stage.signals,
        clock=stage.clock,
        ids=stage.ids,
        told=told,
    )


async def test_an_approved_image_is_ready_and_shown_and_the_application_told(stage: Any, held: Image, sides: Any):
    await review(stage, held, APPROVE)

    image = await stage.stored(held.id)
    (owed,) = await stage.owed()
    assert (image.state, image.hidden, image.is_shown, image.ready_at) == (State.READY, False, True, stage.clock.now())
    assert (owed.event, stage.queued()) == (WebhookEvent.READY, [SendWebhook(owed.id)])
    assert await stage.actions(held.id) == [Action.REVIEWED, Action.READY]
    assert stage.signals.changed_images == [held.id]
    assert await sides(held.id) == (set(), ALL)


async def test_an_approved_image_of_a_public_kind_is_public_from_then_on(stage: Any, held: Image, sides: Any):
    await review(stage, held, APPROVE, public=True)

    image = await stage.stored(held.id)
    assert (image.state, image.public, image.clear_due_at) == (State.READY, True, None)
    assert await sides(held.id) == (ALL, set())


async def test_a_rejected_image_is_purged_and_says_why_without_the_reviewers_words(stage: Any, held: Image):
    await review(stage, held, REJECT, reason="not a face")

    image = await stage.stored(held.id)
    (owed,) = await stage.owed()
    assert (image.state, image.is_shown) == (State.REJECTED, False)
    assert image.ending is not None
    assert (image.ending.code, "face" in image.ending.message) == (Reason.REVIEWED, False)
    assert (owed.event, stage.queued()) == (WebhookEvent.REJECTED, [PurgeImage(held.id), SendWebhook(owed.id)])
    assert stage.signals.changed_images == [held.id]


async def test_the_audit_log_keeps_who_said_what_and_why(stage: Any, held: Image):
    await review(stage, held, REJECT, reason="not a face")

    async with stage.records.reading() as snapshot:
        reviewed, rejected = await audit_of(held.id, snapshot)
    assert (reviewed.action, reviewed.result, reviewed.actor) == (
        Action.REVIEWED,
        "reject: not a face",
        stage.origin.who.name,
    )
    assert (rejected.action, rejected.address) == (Action.REJECTED, stage.origin.address)


@pytest.mark.parametrize("verdict", Verdict)
async def test_the_same_verdict_again_changes_nothing(stage: Any, held: Image, verdict: Verdict):
    first = await review(stage, held, verdict)

    await review(stage, held, verdict)  # as it was known before
    await review(stage, first, verdict)

    assert await stage.stored(held.id) == first
    assert len(await stage.actions(held.id)) == 2
    assert len(await stage.owed()) == 1


@pytest.mark.parametrize(("first", "second"), [(APPROVE, REJECT), (REJECT, APPROVE)])
async def test_the_opposite_comes_too_late(stage: Any, held: Image, first: Verdict, second: Verdict):
    decided = await review(stage, held, first)

    for known in (held, decided):
        with pytest.raises(WrongState):
            await review(stage, known, second)

    assert await stage.stored(held.id) == decided


@pytest.mark.parametrize("verdict", Verdict)
@pytest.mark.parametrize("state", sorted(set(State) - {State.HELD, State.READY}))
async def test_what_is_not_held_gets_no_verdict(stage: Any, state: State, verdict: Verdict):
    image = await stage.image_in(state)

    with pytest.raises(WrongState):
        await review(stage, image, verdict)

    assert await stage.stored(image.id) == image


@pytest.mark.parametrize("public", [True, False])
async def test_of_opposite_verdicts_at_once_exactly_one_counts(
    stage: Any,
    held: Image,
    sides: Any,
    public: bool,  # noqa: FBT001 - with a move and without
):
    stage.objects.before = lambda *_: asyncio.sleep(0)
    verdicts = [APPROVE, REJECT] * 5

    ended = await asyncio.gather(
        *[review(stage, held, verdict, public=public) for verdict in verdicts], return_exceptions=True
    )

    image = await stage.stored(held.id)
    won = APPROVE if image.state is State.READY else REJECT
    assert image.state in {State.READY, State.REJECTED}
    assert all(
        isinstance(one, Image | ImageBusy) if verdict is won else isinstance(one, WrongState | ImageBusy)
        for verdict, one in zip(verdicts, ended, strict=True)
    )
    assert (await stage.actions(held.id)).count(Action.REVIEWED) == 1
    assert len(await stage.owed()) == 1
    on_public, on_private = await sides(held.id)
    assert on_public | on_private == ALL
    assert not on_public & on_private


async def test_a_rejection_while_an_approved_image_is_copied_leaves_nothing_public(stage: Any, held: Image, sides: Any):
    async def reject(deed: str, _key: object) -> None:
        if deed == "copy" and (await stage.stored(held.id)).state is State.HELD:
            await review(stage, held, REJECT)

    stage.objects.before = reject

    with pytest.raises(WrongState):
        await review(stage, held, APPROVE, public=True)

    assert (await stage.stored(held.id)).state is State.REJECTED
    assert await sides(held.id) == (set(), ALL)


@pytest.mark.parametrize("number", [1, 2, 3])
async def test_where_a_copy_fails_the_image_is_held_as_before(stage: Any, held: Image, sides: Any, number: int):
    copies = []

    async def fail(deed: str, key: object) -> None:
        copies.extend([key] if deed == "copy" else [])
        if len(copies) == number and deed == "copy":
            raise StorageFailed("a cable was pulled")

    stage.objects.before = fail

    with pytest.raises(StorageFailed):
        await review(stage, held, APPROVE, public=True)

    image = await stage.stored(held.id)
    assert (image.state, image.hidden, image.public, image.revision) == (State.HELD, True, False, held.revision)
    assert await sides(held.id) == (set(), ALL)
    assert (await stage.owed(), await stage.actions(held.id)) == ([], [])


async def test_an_application_that_wants_no_webhooks_is_owed_none(stage: Any, held: Image):
    await review(stage, held, APPROVE, told=False)

    assert (await stage.owed(), stage.queued()) == ([], [])


async def test_a_held_image_is_not_rendered_again(stage: Any, held: Image):
    """It would be looked at as it was, and shown as it is by then."""
    with pytest.raises(WrongState):
        await owe_reprocess(held, stage.origin, records=stage.records, clock=stage.clock)
