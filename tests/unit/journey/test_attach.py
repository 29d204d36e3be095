"""Association: where an image goes, in which order, and what it takes the place of."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from safelight.domain.errors import ImageNotFound, KindDiffers, OwnerBlocked, RecordFull, SafelightError, WrongState
from safelight.domain.events import Action, Origin, WebhookEvent
from safelight.domain.image import HOLDING, Attachment, Image, ImageId, State
from safelight.domain.jobs import PurgeImage, SendWebhook
from safelight.domain.who import Role, Who
from safelight.journey.attach import Wanted, attach_image
from safelight.testing.samples import audit_of
from safelight.upkeep.delete import delete_image

POST = Attachment("post", "7")
OTHER_POST = Attachment("post", "8")


async def attach(
    stage: Any,
    image: Image,
    target: Attachment = POST,
    *,
    kind: str | None = None,
    position: int | None = None,
    origin: Origin | None = None,
) -> None:
    await attach_image(
        image.id,
        Wanted(target, stage.kinds[kind or image.kind], position),
        origin or stage.origin,
        records=stage.records,
        signals=stage.signals,
        clock=stage.clock,
        ids=stage.ids,
        told=True,
    )


async def free(stage: Any, number: int, state: State = State.READY, kind: str = "avatar") -> Image:
    """Return an image that is attached to nothing."""
    image: Image = await stage.image_in(state, number, kind=kind, attached_to=None)
    return image


async def portrait(stage: Any, number: int, state: State = State.READY) -> Image:
    """Return the portrait of a post, of which it has one."""
    image: Image = await stage.image_in(state, number, kind="portrait", attached_to=POST)
    return image


async def ids_at(stage: Any, target: Attachment = POST) -> list[ImageId]:
    async with stage.records.reading() as snapshot:
        return [image.id for image in await snapshot.attached(target)]


async def states(stage: Any, *images: Image) -> list[State]:
    return [(await stage.stored(image.id)).state for image in images]


async def test_an_image_is_attached_and_the_audit_log_says_where(stage: Any):
    image = await free(stage, 1)

    await attach(stage, image)

    stored = await stage.stored(image.id)
    async with stage.records.reading() as snapshot:
        (event,) = await audit_of(image.id, snapshot)
    assert (stored.attached_to, stored.attached_at, stored.state) == (POST, stage.clock.now(), State.READY)
    assert (event.action, event.owner, event.target) == (Action.ATTACHED, image.owner, "record:post/7")
    assert stage.signals.changed_images == [image.id]
    assert stage.queued() == []


async def test_images_are_in_the_order_in_which_they_came(stage: Any):
    images = [await free(stage, number) for number in (3, 1, 2)]

    for image in images:
        await attach(stage, image)

    assert await ids_at(stage) == [image.id for image in images]


@pytest.mark.parametrize(
    ("moved", "position", "expected"),
    [(3, 0, "3012"), (0, 2, "1203"), (1, 1, "0123"), (1, 99, "0231"), (2, None, "0123")],
)
async def test_an_image_goes_to_its_position_among_the_others(
    stage: Any, moved: int, position: int | None, expected: str
):
    images = [await free(stage, number) for number in range(4)]
    for image in images:
        await attach(stage, image)

    await attach(stage, images[moved], position=position)

    assert await ids_at(stage) == [images[int(number)].id for number in expected]


async def test_a_new_image_can_go_before_those_that_are_there(stage: Any):
    old, new = await free(stage, 1), await free(stage, 2)
    await attach(stage, old)

    await attach(stage, new, position=0)

    assert await ids_at(stage) == [new.id, old.id]


async def test_an_image_moves_from_one_record_to_another(stage: Any):
    image = await free(stage, 1)
    await attach(stage, image)

    await attach(stage, image, OTHER_POST)

    assert (await ids_at(stage), await ids_at(stage, OTHER_POST)) == ([], [image.id])


async def test_an_image_of_another_kind_is_refused(stage: Any):
    image = await free(stage, 1)

    with pytest.raises(KindDiffers) as refused:
        await attach(stage, image, kind="picture")

    assert (refused.value.actual, refused.value.wanted) == ("avatar", "picture")
    assert (await stage.stored(image.id)).attached_to is None


@pytest.mark.parametrize("state", sorted(set(State) - HOLDING))
async def test_an_image_that_is_over_is_refused(stage: Any, state: State):
    image = await free(stage, 1, state)

    with pytest.raises(WrongState):
        await attach(stage, image)

    assert await stage.actions(image.id) == []


async def test_an_unknown_image_is_refused(stage: Any):
    image = await free(stage, 1)
    unknown = ImageId("f" * 32)

    with pytest.raises(ImageNotFound):
        await attach_image(
            unknown,
            Wanted(POST, stage.kinds[image.kind]),
            stage.origin,
            records=stage.records,
            signals=stage.signals,
            clock=stage.clock,
            ids=stage.ids,
            told=True,
        )


async def test_a_full_record_takes_no_more_but_can_be_put_in_order(stage: Any):
    pictures = [await free(stage, number, kind="picture") for number in range(4)]
    for one in pictures[:3]:
        await attach(stage, one)

    with pytest.raises(RecordFull) as refused:
        await attach(stage, pictures[3])
    await attach(stage, pictures[2], position=0)

    assert (refused.value.kind, refused.value.allowed) == ("picture", 3)
    assert await ids_at(stage) == [pictures[number].id for number in (2, 0, 1)]


@pytest.mark.parametrize("state", sorted(set(State) - HOLDING))
async def test_what_is_over_leaves_its_place_to_another(stage: Any, state: State):
    pictures = [await stage.image_in(State.READY, number, kind="picture", attached_to=POST) for number in range(2)]
    await stage.image_in(state, 2, kind="picture", attached_to=POST)
    last = await free(stage, 3, kind="picture")

    await attach(stage, last)

    assert await ids_at(stage) == [one.id for one in (*pictures, last)]


async def test_of_ten_who_attach_at_once_three_find_room(stage: Any):
    pictures = [await free(stage, number, kind="picture") for number in range(10)]

    results = await asyncio.gather(*(attach(stage, one) for one in pictures), return_exceptions=True)

    assert sorted(type(result).__name__ for result in results) == ["NoneType"] * 3 + ["RecordFull"] * 7
    assert len(await ids_at(stage)) == 3


async def test_a_ready_image_takes_the_place_of_the_one_before_at_once(stage: Any):
    old, new = await portrait(stage, 1), await free(stage, 2, kind="portrait")

    await attach(stage, new)

    (owed,) = await stage.owed()
    async with stage.records.reading() as snapshot:
        (event,) = await audit_of(old.id, snapshot)
    assert await states(stage, old, new) == [State.DELETED, State.READY]
    assert (owed.event, owed.image_id) == (WebhookEvent.DELETED, old.id)
    assert stage.queued() == [PurgeImage(old.id), SendWebhook(owed.id)]
    assert (event.action, event.result) == (Action.DELETED, "replaced")
    assert sorted(stage.signals.changed_images) == [old.id, new.id]


@pytest.mark.parametrize("state", sorted(HOLDING - {State.READY}))
async def test_the_old_one_stays_until_the_new_one_is_ready(stage: Any, state: State):
    old, new = await portrait(stage, 1), await free(stage, 2, state, "portrait")

    await attach(stage, new)

    assert await states(stage, old, new) == [State.READY, state]
    assert await ids_at(stage) == [old.id, new.id]


async def test_an_older_image_that_is_attached_last_takes_the_place(stage: Any):
    """At the same moment as well: that of an attachment is after all that was attached there before."""
    older, newer = await free(stage, 1, kind="portrait"), await portrait(stage, 2)

    await attach(stage, older)

    assert await states(stage, older, newer) == [State.READY, State.DELETED]


async def test_a_clock_that_is_behind_changes_nothing_about_who_is_last(stage: Any):
    first, second = await free(stage, 1, kind="portrait"), await free(stage, 2, kind="portrait")
    await attach(stage, first)
    stage.clock.advance(timedelta(minutes=-5))

    await attach(stage, second)

    assert await states(stage, first, second) == [State.DELETED, State.READY]


async def test_an_image_that_takes_a_place_leaves_what_is_at_other_records(stage: Any):
    here, there = await portrait(stage, 1), await free(stage, 2, kind="portrait")
    await attach(stage, there, OTHER_POST)

    await attach(stage, await free(stage, 3, kind="portrait"), OTHER_POST)

    assert await states(stage, here, there) == [State.READY, State.DELETED]


async def test_of_five_that_take_one_place_at_once_one_stays(stage: Any):
    new = [await free(stage, number, kind="portrait") for number in range(5)]

    await asyncio.gather(*(attach(stage, one) for one in new))

    assert sorted(await states(stage, *new)) == [State.DELETED] * 4 + [State.READY]
    assert len(await ids_at(stage)) == 1


async def test_an_image_can_be_replaced_while_it_is_deleted(stage: Any):
    old, new = await portrait(stage, 1), await free(stage, 2, kind="portrait")

    async def delete() -> None:
        await delete_image(
            old,
            stage.origin,
            records=stage.records,
            signals=stage.signals,
            clock=stage.clock,
            ids=stage.ids,
            told=True,
        )

    attached, deleted = await asyncio.gather(attach(stage, new), delete(), return_exceptions=True)

    assert attached is None
    assert deleted is None or isinstance(deleted, SafelightError)
    assert await states(stage, old, new) == [State.DELETED, State.READY]
    assert await stage.actions(old.id) == [Action.DELETED]
    assert [job for job in stage.queued() if isinstance(job, PurgeImage)] == [PurgeImage(old.id)]


async def test_a_blocked_owner_replaces_nothing_of_what_is_kept_for_review(stage: Any):
    there, other = await portrait(stage, 1), await free(stage, 2, kind="portrait")
    await stage.block(other)

    with pytest.raises(OwnerBlocked):
        await attach(stage, other, origin=Origin(Who(Role.USER, other.owner)))

    assert await ids_at(stage) == [there.id]
    assert await stage.stored(other.id) == other
    assert stage.queued() == []


async def test_the_application_may_attach_what_is_a_blocked_owners(stage: Any):
    image = await free(stage, 1)
    await stage.block(image)

    await attach(stage, image)

    assert await ids_at(stage) == [image.id]
