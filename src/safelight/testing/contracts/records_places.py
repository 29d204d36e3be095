"""What every database of records must keep: which images are attached where, and nothing of an owner who is erased."""
# ruff: noqa: D102 - a test's name is its sentence

import asyncio
from datetime import timedelta

import pytest

from safelight.domain.answer import Question
from safelight.domain.errors import ImageNotFound, WrongState
from safelight.domain.events import Action, Origin
from safelight.domain.image import HOLDING, Attachment, Image, ImageId, State
from safelight.domain.owner import OwnerLimits
from safelight.domain.who import SYSTEM, ApiKeyId, Role, Who
from safelight.ports.records import Records
from safelight.ports.snapshot import AuditFilter, ImageFilter
from safelight.testing.contracts.records import LATER, NOBODYS, image_in, stored
from safelight.testing.fakes import NOW
from safelight.testing.samples import new_image

POST = Attachment("post", "7")
OTHER_POST = Attachment("post", "8")
NOWHERE = Attachment("post", "9")

ROOM = OwnerLimits(requests_per_minute=1000, open_uploads=1000, images=1000, bytes=2**40)


async def at_post(records: Records, number: int, state: State = State.READY, **changes: object) -> Image:
    """Return a photo at the post, at the position of its number."""
    return await image_in(
        records, state, number, **{"kind": "photo", "attached_to": POST, "position": number, **changes}
    )


async def ids_at(records: Records, target: Attachment = POST, kind: str | None = None) -> list[ImageId]:
    """Return what is at a record, in order."""
    async with records.reading() as snapshot:
        return [image.id for image in await snapshot.attached(target, kind)]


class RecordsPlacesContract:
    """Places: what is there, in which order, and that only one transaction at a time changes them."""

    async def test_a_place_has_its_images_that_are_not_over_in_order(self, records: Records) -> None:
        there = [await at_post(records, 10 - number, state) for number, state in enumerate(sorted(HOLDING))]
        for number, state in enumerate(set(State) - HOLDING):
            await at_post(records, 20 + number, state)
        await at_post(records, 30, attached_to=OTHER_POST)
        await at_post(records, 31, kind="banner")
        await at_post(records, 32, attached_to=None)

        async with records.transaction() as tx:
            locked = await tx.places.lock(POST, "photo")

        assert list(locked) == there[::-1]
        assert await ids_at(records, kind="photo") == [image.id for image in locked]

    async def test_a_record_has_its_images_of_every_kind_by_kind(self, records: Records) -> None:
        photo, banner = await at_post(records, 1), await at_post(records, 2, kind="banner")

        assert await ids_at(records) == [banner.id, photo.id]
        assert await ids_at(records, NOWHERE) == []

    async def test_what_has_one_position_is_in_order_of_attaching_then_of_id(self, records: Records) -> None:
        late = await at_post(records, 1, position=0, created_at=LATER)
        first, second = [await at_post(records, number, position=0) for number in (2, 3)]

        assert await ids_at(records) == [first.id, second.id, late.id]

    async def test_a_new_image_was_attached_when_it_was_created(self, records: Records) -> None:
        image = await at_post(records, 4)
        free = await at_post(records, 5, attached_to=None)

        assert (image.attached_to, image.attached_at, image.position) == (POST, image.created_at, 4)
        assert (free.attached_to, free.attached_at) == (None, None)

    @pytest.mark.parametrize("state", sorted(HOLDING))
    async def test_an_image_is_attached_from_wherever_it_was(self, records: Records, state: State) -> None:
        image = await at_post(records, 1, state)

        async with records.transaction() as tx:
            attached = await tx.places.attach(image.id, OTHER_POST, position=3, at=LATER)

        assert (attached.attached_to, attached.attached_at, attached.position) == (OTHER_POST, LATER, 3)
        assert attached.state is state
        assert attached.revision > image.revision
        assert await stored(records, image.id) == attached
        assert (await ids_at(records), await ids_at(records, OTHER_POST)) == ([], [image.id])

    @pytest.mark.parametrize("state", sorted(set(State) - HOLDING))
    async def test_an_image_that_is_over_is_attached_nowhere(self, records: Records, state: State) -> None:
        image = await at_post(records, 1, state)

        with pytest.raises(WrongState) as refused:
            async with records.transaction() as tx:
                await tx.places.attach(image.id, OTHER_POST, position=0, at=LATER)

        assert refused.value.state == state
        assert await stored(records, image.id) == image

    async def test_an_unknown_image_is_attached_nowhere(self, records: Records) -> None:
        async with records.transaction() as tx:
            with pytest.raises(ImageNotFound):
                await tx.places.attach(NOBODYS, POST, position=0, at=NOW)

    async def test_images_are_arranged_in_the_order_given(self, records: Records) -> None:
        images = [(await at_post(records, number)).id for number in range(1, 5)]
        order = [images[2], images[0], images[3], images[1]]

        async with records.transaction() as tx:
            await tx.places.arrange(order)
            await tx.places.arrange([])

        assert await ids_at(records) == order
        assert [(await stored(records, image_id)).position for image_id in order] == [0, 1, 2, 3]

    async def test_forgetting_a_place_leaves_what_is_attached(self, records: Records) -> None:
        image = await at_post(records, 1)
        async with records.transaction() as tx:
            await tx.places.lock(POST, "photo")

        async with records.transaction() as tx:
            await tx.places.forget(POST)
            await tx.places.forget(NOWHERE)

        async with records.transaction() as tx:
            assert list(await tx.places.lock(POST, "photo")) == [image]

    async def test_of_twenty_who_lock_a_place_at_once_each_sees_what_those_before_did(self, records: Records) -> None:
        images = [await at_post(records, number, attached_to=None) for number in range(20)]

        async def attach(image: Image) -> int:
            async with records.transaction() as tx:
                there = await tx.places.lock(POST, "photo")
                await tx.places.attach(image.id, POST, position=len(there), at=NOW)
            return len(there)

        seen = await asyncio.gather(*map(attach, images))

        assert sorted(seen) == list(range(20))

    async def test_of_twenty_who_move_an_image_at_once_each_sees_where_the_one_before_put_it(
        self, records: Records
    ) -> None:
        image = await at_post(records, 1, attached_to=None, position=0)

        async def move() -> int:
            async with records.transaction() as tx:
                there = await tx.places.stay(image.id)
                await tx.places.attach(
                    image.id, Attachment("post", str(there.position)), position=there.position + 1, at=NOW
                )
            return there.position

        seen = await asyncio.gather(*(move() for _ in range(20)))

        assert sorted(seen) == list(range(20))
        assert (await stored(records, image.id)).attached_to == Attachment("post", "19")

    async def test_an_unknown_image_stays_nowhere(self, records: Records) -> None:
        async with records.transaction() as tx:
            with pytest.raises(ImageNotFound):
                await tx.places.stay(NOBODYS)

    async def test_an_image_that_was_purged_can_have_been_the_last_at_its_place(self, records: Records) -> None:
        image, other = await at_post(records, 1, State.DELETED), await at_post(records, 2)
        async with records.transaction() as tx:
            await tx.places.lock(POST, "photo")

        async with records.transaction() as tx:
            await tx.note_purged(image.id, at=LATER)

        assert await ids_at(records) == [other.id]

    async def test_the_owner_of_images_that_are_over_is_forgotten(self, records: Records) -> None:
        over, other = [await at_post(records, number, State.DELETED) for number in (1, 2)]
        ready = await at_post(records, 3)
        foreign = await at_post(records, 4, State.DELETED, owner="user-43")

        async with records.transaction() as tx:
            forgotten = await tx.owners.forget("user-42", [over.id, ready.id, foreign.id])

        gone = await stored(records, over.id)
        assert forgotten == 1
        assert (gone.owner, gone.attached_to, gone.attached_at) == (None, None, None)
        assert (gone.filename, gone.verified, gone.look) == ("", None, None)
        assert [await stored(records, one.id) for one in (other, ready, foreign)] == [other, ready, foreign]

    async def test_an_owner_without_images_is_forgotten_and_one_with_images_is_not(self, records: Records) -> None:
        async with records.transaction() as tx:
            for owner_id in ("gone", "stays"):
                await tx.owners.reserve(owner_id, size=10, limits=ROOM, now=NOW)
        image = await image_in(records, State.REQUESTED, 1, owner="gone", declared_bytes=10)
        await image_in(records, State.REQUESTED, 2, owner="stays", declared_bytes=10)

        async with records.transaction() as tx:
            await tx.owners.forget("gone", [])
            before = [owner.id for owner in await tx.list_owners(after=None, limit=10)]
            await tx.move(image.id, was=State.REQUESTED, now=State.DELETED)
            await tx.owners.forget("gone", [image.id])
            await tx.owners.forget("stays", [])
            after = [owner.id for owner in await tx.list_owners(after=None, limit=10)]

        assert (before, after) == (["gone", "stays"], ["stays"])
        async with records.reading() as snapshot:
            assert await snapshot.page(ImageFilter(owner="gone"), after=None, limit=10) == []

    async def test_what_was_answered_to_an_owner_is_forgotten(self, records: Records) -> None:
        mine = Who(Role.USER, "1")
        others = [Who(Role.USER, "11"), Who(Role.USER, "key:1"), Who(Role.APPLICATION, api_key=ApiKeyId("1"))]
        questions = [Question(who.name, "a", "0" * 64) for who in (mine, *others)]
        times = {"now": NOW, "until": LATER, "expires_at": LATER + timedelta(hours=1)}
        async with records.transaction() as tx:
            for question in questions:
                await tx.answers.claim(question, **times)

        async with records.transaction() as tx:
            forgotten = await tx.answers.forget_owner("1")
            again = [await tx.answers.claim(question, **times) for question in questions]

        assert forgotten == 1
        assert [kept is None for kept in again] == [True] + [False] * len(others)

    async def test_events_are_counted_as_they_are_listed(self, records: Records) -> None:
        mine, other = new_image(1, owner="a"), new_image(2, owner="b")
        async with records.transaction() as tx:
            for image in (mine, mine, other):
                await tx.audit(Origin(SYSTEM).event(Action.READY, at=NOW, image=image))

        async with records.reading() as snapshot:
            counts = [
                await snapshot.audit_count(which)
                for which in (
                    AuditFilter(),
                    AuditFilter(owner="a"),
                    AuditFilter(image_id=other.id),
                    AuditFilter(owner="c"),
                )
            ]

        assert counts == [3, 2, 1, 0]
