"""What every database of records must do about owners that are blocked."""
# ruff: noqa: D102 - a test's name is its sentence

import pytest

from safelight.domain.errors import OwnerBlocked
from safelight.domain.image import Image, ImageId, State
from safelight.domain.owner import Usage
from safelight.ports.records import Records
from safelight.testing.contracts.records import LATER, image_in, stored
from safelight.testing.contracts.records_owners import ANNA, BERT, SIZE, block, go, owner, request, reserve
from safelight.testing.fakes import NOW

TAKEN = {State.UPLOADED: State.PROCESSING, State.PROCESSING: State.PROCESSING, State.READY: State.READY}
"""The state in which a worker has an image that it took."""


class RecordsBlocksContract:
    """Blocks: nothing more comes, nothing is worked on, and nothing is lost."""

    async def test_an_owner_is_blocked_once_and_unblocked_once(self, records: Records) -> None:
        async with records.transaction() as tx:
            blocked = [await tx.owners.block(ANNA, at=at) for at in (NOW, LATER)]
        since = (await owner(records)).blocked_at
        async with records.transaction() as tx:
            unblocked = [await tx.owners.unblock(one) for one in (ANNA, ANNA, BERT)]

        assert (blocked, since) == ([True, False], NOW)
        assert (unblocked, (await owner(records)).blocked_at) == ([True, False, False], None)

    async def test_a_blocked_owner_reserves_nothing_until_it_is_unblocked(self, records: Records) -> None:
        await reserve(records)
        await block(records)

        with pytest.raises(OwnerBlocked):
            await reserve(records)
        async with records.transaction() as tx:
            await tx.owners.unblock(ANNA)

        assert (await reserve(records)).used == Usage(2, 2 * SIZE, 2)

    async def test_only_the_blocked_are_seen_to_be(self, records: Records) -> None:
        await block(records, ANNA)

        async with records.transaction() as tx:
            for unblocked in (None, BERT):
                await tx.owners.see_unblocked(unblocked)
            with pytest.raises(OwnerBlocked):
                await tx.owners.see_unblocked(ANNA)

    async def test_no_worker_takes_what_is_a_blocked_owners(self, records: Records) -> None:
        known = [await image_in(records, state, owner=ANNA, number=n) for n, state in enumerate(TAKEN)]
        await block(records)

        async with records.transaction() as tx:
            taken = [await tx.take(image, now=TAKEN[image.state], lease_until=LATER) for image in known]

        assert taken == [None, None, None]
        assert [await stored(records, image.id) for image in known] == known

    async def test_upkeep_finds_nothing_of_a_blocked_owner_until_it_is_unblocked(self, records: Records) -> None:
        for number, state in enumerate((State.REQUESTED, *TAKEN)):
            image = await image_in(records, state, number, owner=ANNA)
            await image_in(records, state, 10 + number, owner=BERT)
            if state is State.READY:
                async with records.transaction() as tx:
                    await tx.want_reprocess(image.id, at=NOW)
        await block(records)
        while_blocked = await _found(records)
        async with records.transaction() as tx:
            await tx.owners.unblock(ANNA)

        assert while_blocked == {10, 11, 12}
        assert await _found(records) == {0, 1, 2, 3, 10, 11, 12}

    async def test_no_try_at_a_reprocess_is_counted_while_its_owner_is_blocked(self, records: Records) -> None:
        image = await image_in(records, State.READY, owner=ANNA)
        async with records.transaction() as tx:
            await tx.want_reprocess(image.id, at=NOW)
        wanted = await stored(records, image.id)
        await block(records)

        async with records.transaction() as tx:
            begun = await tx.begin_reprocess(wanted, next_attempt_at=LATER)

        assert begun is None
        assert await stored(records, image.id) == wanted

    async def test_a_block_outlives_all_that_its_owner_had(self, records: Records) -> None:
        image = await go(records, await request(records, 1), State.EXPIRED)
        await block(records)

        async with records.transaction() as tx:
            await tx.owners.forget(ANNA, [image.id])

        assert (await stored(records, image.id)).owner is None
        assert (await owner(records)).blocked_at == NOW


async def _found(records: Records) -> set[int]:
    """Return the numbers of all images that upkeep would look at, long after everything is due."""
    async with records.reading() as snapshot:
        found: list[Image] = [
            *await snapshot.awaiting_work(LATER, limit=100),
            *await snapshot.unconfirmed(LATER, limit=100),
            *await snapshot.awaiting_reprocess(LATER, limit=100),
        ]
    return {int(ImageId(image.id), 16) for image in found}
