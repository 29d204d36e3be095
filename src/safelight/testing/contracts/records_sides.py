"""What every database of records must note of images that move between public and private."""
# ruff: noqa: D102 - a test's name is its sentence

import asyncio
from datetime import timedelta

import pytest

from safelight.domain.errors import WrongState
from safelight.domain.image import Image, State
from safelight.ports.records import Records
from safelight.testing.contracts.records import LATER, image_in, stored
from safelight.testing.fakes import NOW
from safelight.testing.samples import rendition

MUCH_LATER = LATER + timedelta(hours=1)


async def take(records: Records, image: Image) -> Image | None:
    """Let a mover try to take the image."""
    async with records.transaction() as tx:
        return await tx.sides.take(image, clear_due_at=LATER)


class RecordsSidesContract:
    """Takes, flips and what is due to be cleared."""

    @pytest.mark.parametrize("state", [State.HELD, State.READY, State.DELETED])
    async def test_a_mover_takes_an_image_and_nobody_sees_a_change(self, records: Records, state: State) -> None:
        image = await image_in(records, state)

        taken = await take(records, image)

        assert taken == await stored(records, image.id)
        assert taken is not None
        assert (taken.attempt, taken.clear_due_at) == (image.attempt + 1, LATER)
        assert (taken.state, taken.revision, taken.public) == (state, image.revision, image.public)

    async def test_of_many_movers_one_has_the_image(self, records: Records) -> None:
        image = await image_in(records, State.READY)

        taken = await asyncio.gather(*[take(records, image) for _ in range(20)])

        assert len([one for one in taken if one is not None]) == 1

    async def test_a_mover_that_knows_the_image_as_it_was_does_not_have_it(self, records: Records) -> None:
        image = await image_in(records, State.READY)
        async with records.transaction() as tx:
            await tx.take(image, now=State.READY, lease_until=NOW)

        assert await take(records, image) is None

    async def test_it_moves_the_images_of_an_owner_that_is_blocked(self, records: Records) -> None:
        image = await image_in(records, State.READY)
        async with records.transaction() as tx:
            await tx.owners.block("user-42", at=NOW)

        assert await take(records, image) is not None

    async def test_a_flip_is_seen_and_fences_whoever_had_the_image(self, records: Records) -> None:
        image = await image_in(records, State.READY)

        async with records.transaction() as tx:
            moved = await tx.set_public(image.id, attempt=image.attempt, public=False)

        assert (moved.public, moved.revision > image.revision) == (False, True)
        async with records.transaction() as tx:
            with pytest.raises(WrongState):
                await tx.add_rendition(rendition(image.id), attempt=image.attempt)

    @pytest.mark.parametrize("state", [State.HELD, State.DELETED])
    async def test_only_a_ready_image_is_flipped_by_itself(self, records: Records, state: State) -> None:
        image = await image_in(records, state)

        async with records.transaction() as tx:
            with pytest.raises(WrongState):
                await tx.set_public(image.id, attempt=image.attempt, public=False)

        assert await stored(records, image.id) == image

    async def test_what_is_due_to_be_cleared_is_found_longest_due_first(self, records: Records) -> None:
        images = [await image_in(records, state, number) for number, state in enumerate((State.READY, State.DELETED))]
        async with records.transaction() as tx:
            await tx.sides.take(images[0], clear_due_at=MUCH_LATER)
            await tx.sides.take(images[1], clear_due_at=LATER)

        async with records.reading() as snapshot:
            due = [
                [image.id for image in await snapshot.unclear(now, limit=limit)]
                for now, limit in ((NOW, 9), (LATER, 9), (MUCH_LATER, 9), (MUCH_LATER, 1))
            ]

        assert due == [[], [images[1].id], [images[1].id, images[0].id], [images[1].id]]

    async def test_what_came_late_to_a_side_is_owed_to_be_cleared(self, records: Records) -> None:
        image = await image_in(records, State.READY)

        async with records.transaction() as tx:
            await tx.sides.owe(image.id, at=LATER)
            await tx.sides.owe(image.id, at=MUCH_LATER)

        owed = await stored(records, image.id)
        assert (owed.clear_due_at, owed.attempt, owed.revision) == (LATER, image.attempt, image.revision)

    async def test_what_is_cleared_is_settled_and_nobody_sees_a_change(self, records: Records) -> None:
        image = await image_in(records, State.READY)
        await take(records, image)

        async with records.transaction() as tx:
            await tx.sides.settle(image.id, due_at=LATER)

        settled = await stored(records, image.id)
        assert (settled.clear_due_at, settled.revision) == (None, image.revision)

    async def test_what_could_not_be_cleared_is_due_again(self, records: Records) -> None:
        image = await image_in(records, State.READY)
        await take(records, image)

        async with records.transaction() as tx:
            await tx.sides.settle(image.id, due_at=LATER, again_at=MUCH_LATER)

        assert (await stored(records, image.id)).clear_due_at == MUCH_LATER

    async def test_what_another_has_by_now_is_not_settled(self, records: Records) -> None:
        image = await image_in(records, State.READY)
        await take(records, image)

        async with records.transaction() as tx:
            await tx.sides.settle(image.id, due_at=MUCH_LATER)

        assert (await stored(records, image.id)).clear_due_at == LATER
