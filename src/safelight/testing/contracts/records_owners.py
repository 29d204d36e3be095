"""What every database of records must do: quotas that are exact."""
# ruff: noqa: D102 - a test's name is its sentence

import asyncio
import random
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from safelight.domain.errors import (
    QuotaExceeded,
    Refused,
    TooManyOpenUploads,
    TooManyRequests,
    WrongState,
)
from safelight.domain.image import HOLDING, NEXT, Image, State
from safelight.domain.owner import Owner, OwnerLimits, Usage, minute_of
from safelight.ports.records import Records
from safelight.testing.contracts.records import LEASE, ROAD, image_in
from safelight.testing.fakes import NOW
from safelight.testing.samples import new_image

ANNA, BERT = "anna", "bert"
SIZE = 100
PLENTY = OwnerLimits(requests_per_minute=10**6, open_uploads=10**6, images=10**6, bytes=10**12)
MINUTE = timedelta(minutes=1)
AT_ONCE = 1000
WALKS = 300
ENOUGH_STATES = 5
"""States that images must have come to, for a random walk to tell something."""


async def reserve(
    records: Records, owner_id: str = ANNA, *, size: int = SIZE, limits: OwnerLimits = PLENTY, now: datetime = NOW
) -> Owner:
    """Reserve for one upload."""
    async with records.transaction() as tx:
        return await tx.owners.reserve(owner_id, size=size, limits=limits, now=now)


async def request(records: Records, number: int, owner_id: str = ANNA, *, size: int = SIZE) -> Image:
    """Reserve and add an image, as REQUEST does."""
    async with records.transaction() as tx:
        await tx.owners.reserve(owner_id, size=size, limits=PLENTY, now=NOW)
        return await tx.add(new_image(number, owner=owner_id, declared_bytes=size))


async def go(records: Records, image: Image, *road: State) -> Image:
    """Lead an image along a road."""
    async with records.transaction() as tx:
        for step in road:
            if step is State.PROCESSING:
                image = await tx.take(image, now=step, lease_until=LEASE) or image
            else:
                image = await tx.move(image.id, was=image.state, now=step)
    return image


async def go_from(records: Records, image: Image, was: State, now: State) -> Image:
    """Move an image as one does who believes that it is in a state. Raises WrongState."""
    async with records.transaction() as tx:
        return await tx.move(image.id, was=was, now=now)


async def block(records: Records, owner_id: str = ANNA) -> bool:
    """Block an owner."""
    async with records.transaction() as tx:
        return await tx.owners.block(owner_id, at=NOW)


async def owner(records: Records, owner_id: str = ANNA) -> Owner:
    """Return what is noted of an owner."""
    async with records.reading() as snapshot:
        return await snapshot.owner(owner_id)


async def counted(records: Records, owner_id: str = ANNA) -> Usage:
    """Return what an owner's images say."""
    async with records.reading() as snapshot:
        return await snapshot.counted(owner_id)


class RecordsOwnersContract:
    """Quotas, and who is noted."""

    async def test_nobody_knows_an_owner_that_never_came(self, records: Records) -> None:
        assert await owner(records) == Owner(ANNA)
        assert await counted(records) == Usage()

    async def test_what_is_reserved_is_noted(self, records: Records) -> None:
        await reserve(records, size=7)
        reserved = await reserve(records, size=5)

        assert reserved == await owner(records)
        assert (reserved.used, reserved.requests, reserved.blocked_at) == (Usage(2, 12, 2), 2, None)

    async def test_owners_do_not_count_for_each_other(self, records: Records) -> None:
        limits = replace(PLENTY, images=1)
        await reserve(records, ANNA, limits=limits)

        assert (await reserve(records, BERT, limits=limits)).used == Usage(1, SIZE, 1)

    @pytest.mark.parametrize(
        ("limits", "fits", "refusal"),
        [
            (replace(PLENTY, requests_per_minute=3), 3, TooManyRequests("owner", 3, 60, 60)),
            (replace(PLENTY, open_uploads=3), 3, TooManyOpenUploads(3, 3)),
            (replace(PLENTY, images=3), 3, QuotaExceeded("images", 3, 1, 3)),
            (replace(PLENTY, bytes=3 * SIZE), 3, QuotaExceeded("bytes", 3 * SIZE, SIZE, 3 * SIZE)),
            (replace(PLENTY, bytes=3 * SIZE - 1), 2, QuotaExceeded("bytes", 2 * SIZE, SIZE, 3 * SIZE - 1)),
        ],
        ids=repr,
    )
    async def test_every_limit_can_be_reached_and_not_passed(
        self, records: Records, limits: OwnerLimits, fits: int, refusal: Refused
    ) -> None:
        for _ in range(fits):
            await reserve(records, limits=limits)
        full = await owner(records)

        with pytest.raises(type(refusal)) as refused:
            await reserve(records, limits=limits)

        assert vars(refused.value) == vars(refusal)
        assert await owner(records) == full

    async def test_a_file_larger_than_all_an_owner_may_have_leaves_no_owner(self, records: Records) -> None:
        with pytest.raises(QuotaExceeded):
            await reserve(records, size=SIZE, limits=replace(PLENTY, bytes=SIZE - 1))

        async with records.reading() as snapshot:
            assert await snapshot.list_owners(after=None, limit=10) == []

    async def test_a_smaller_file_fits_where_a_larger_one_did_not(self, records: Records) -> None:
        limits = replace(PLENTY, bytes=SIZE)
        with pytest.raises(QuotaExceeded):
            await reserve(records, size=SIZE + 1, limits=limits)

        assert (await reserve(records, size=SIZE, limits=limits)).used.bytes == SIZE

    async def test_requests_are_counted_anew_from_each_full_minute_on(self, records: Records) -> None:
        limits = replace(PLENTY, requests_per_minute=1)
        late = NOW + MINUTE - timedelta(seconds=1)
        await reserve(records, limits=limits, now=NOW)

        with pytest.raises(TooManyRequests) as refused:
            await reserve(records, limits=limits, now=late)
        again = await reserve(records, limits=limits, now=late + timedelta(seconds=1))

        assert refused.value.retry_after == 1
        assert (again.requests, again.used.images) == (1, 2)

    async def test_a_host_whose_clock_is_behind_counts_in_the_minute_of_the_others(self, records: Records) -> None:
        limits = replace(PLENTY, requests_per_minute=2)
        ahead = await reserve(records, limits=limits, now=NOW + MINUTE)
        behind = await reserve(records, limits=limits, now=NOW)

        with pytest.raises(TooManyRequests):
            await reserve(records, limits=limits, now=NOW)
        with pytest.raises(TooManyRequests):
            await reserve(records, limits=limits, now=NOW + MINUTE)

        assert (behind.minute, behind.requests) == (ahead.minute, 2)

    async def test_a_clock_that_was_wrong_once_shuts_nobody_out(self, records: Records) -> None:
        limits = replace(PLENTY, requests_per_minute=1)
        await reserve(records, limits=limits, now=NOW + timedelta(days=365))

        right = await reserve(records, limits=limits, now=NOW)
        with pytest.raises(TooManyRequests):
            await reserve(records, limits=limits, now=NOW)

        assert (right.minute, right.requests) == (minute_of(NOW), 1)

    async def test_of_first_requests_that_come_at_once_none_is_refused(self, records: Records) -> None:
        """Whoever makes the row of an owner, the others find it."""
        await asyncio.gather(*(reserve(records) for _ in range(AT_ONCE)))

        assert (await owner(records)).used == Usage(AT_ONCE, AT_ONCE * SIZE, AT_ONCE)

    async def test_whoever_moves_many_images_and_whoever_moves_one_do_not_wait_for_each_other(
        self, records: Records
    ) -> None:
        """Each move of an image changes its owner, too, and the next one in a transaction another image again."""
        images = [await request(records, number) for number in range(20)]

        async def end_all() -> None:
            async with records.transaction() as tx:
                await tx.hold([image.id for image in reversed(images)])
                for image in images:
                    if (await tx.image(image.id)).state is State.REQUESTED:
                        await tx.move(image.id, was=State.REQUESTED, now=State.EXPIRED)

        async def confirm(image: Image) -> None:
            with suppress(WrongState):
                await go_from(records, image, State.REQUESTED, State.UPLOADED)

        await asyncio.gather(*map(confirm, images[10:]), end_all(), *map(confirm, images[:10]), end_all())

        assert (await owner(records)).used == await counted(records)

    async def test_what_is_rolled_back_was_not_reserved(self, records: Records) -> None:
        async def half_done() -> None:
            async with records.transaction() as tx:
                await tx.owners.reserve(ANNA, size=SIZE, limits=PLENTY, now=NOW)
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await half_done()

        assert await owner(records) == Owner(ANNA)

    async def test_of_a_thousand_at_once_one_gets_the_last_place(self, records: Records) -> None:
        limits = replace(PLENTY, images=3)
        for number in (1, 2):
            await request(records, number)

        async def one(number: int) -> bool:
            try:
                async with records.transaction() as tx:
                    await tx.owners.reserve(ANNA, size=SIZE, limits=limits, now=NOW)
                    await tx.add(new_image(number, owner=ANNA, declared_bytes=SIZE))
            except QuotaExceeded:
                return False
            return True

        admitted = await asyncio.gather(*(one(10 + number) for number in range(AT_ONCE)))

        assert admitted.count(True) == 1
        assert (await owner(records)).used == await counted(records) == Usage(3, 3 * SIZE, 3)

    async def test_every_move_of_the_table_gives_back_what_need_not_be_held(self, records: Records) -> None:
        moves = [(was, now) for was in State for now in sorted(NEXT[was])]

        for number, (was, now) in enumerate(moves):
            owner_id = f"owner of {was} to {now}"
            image = await go(records, await request(records, number, owner_id), *ROAD[was])
            held = (await owner(records, owner_id)).used
            await go(records, image, now)

            assert held == _use_of(was)
            assert (await owner(records, owner_id)).used == await counted(records, owner_id) == _use_of(now)

    @pytest.mark.parametrize("seed", range(3))
    async def test_however_images_go_an_owner_is_noted_to_use_what_is_counted(
        self, records: Records, seed: int
    ) -> None:
        chance = random.Random(seed)  # noqa: S311 - no secret
        images = [
            await request(records, number, chance.choice([ANNA, BERT]), size=chance.randint(1, 10**6))
            for number in range(40)
        ]

        came_to = set[State]()
        for _ in range(WALKS):
            number = chance.randrange(len(images))
            was = chance.choice([images[number].state, images[number].state, State.REQUESTED])  # or what it was once
            if NEXT[was]:
                with suppress(WrongState):
                    images[number] = await go_from(records, images[number], was, chance.choice(sorted(NEXT[was])))
                    came_to.add(images[number].state)

        assert len(came_to) > ENOUGH_STATES
        for owner_id in (ANNA, BERT):
            assert (await owner(records, owner_id)).used == await counted(records, owner_id)

    async def test_a_move_that_is_refused_gives_nothing_back(self, records: Records) -> None:
        image = await request(records, 1)

        with pytest.raises(WrongState):
            async with records.transaction() as tx:
                await tx.move(image.id, was=State.READY, now=State.DELETED)

        assert (await owner(records)).used == Usage(1, SIZE, 1)

    async def test_what_was_given_back_can_be_used_again(self, records: Records) -> None:
        limits = replace(PLENTY, images=1)
        image = await request(records, 1)
        await go(records, image, State.EXPIRED)

        assert (await reserve(records, limits=limits)).used == Usage(1, SIZE, 1)

    async def test_a_recount_notes_what_the_images_say(self, records: Records) -> None:
        await request(records, 1)
        await go(records, await request(records, 2), State.UPLOADED)
        await go(records, await request(records, 3), State.DELETED)
        await reserve(records)  # for an image that was never added

        async with records.transaction() as tx:
            recounted = await tx.owners.recount(ANNA)

        assert recounted == await owner(records)
        assert recounted.used == await counted(records) == Usage(2, 2 * SIZE, 1)
        assert recounted.requests == 4

    async def test_a_recount_knows_owners_that_were_not_noted(self, records: Records) -> None:
        await image_in(records, State.READY, owner=ANNA, declared_bytes=SIZE)

        async with records.transaction() as tx:
            assert (await tx.owners.recount(ANNA)).used == Usage(1, SIZE, 0)
            assert (await tx.owners.recount(BERT)).used == Usage()

    async def test_owners_are_listed_in_order_page_by_page(self, records: Records) -> None:
        for owner_id in ("c", "a", "d", "b"):
            await reserve(records, owner_id)
        await block(records, "d")

        async with records.reading() as snapshot:
            pages = [await snapshot.list_owners(after=after, limit=2) for after in (None, "b", "d")]
            blocked = await snapshot.list_owners(after=None, limit=2, blocked=True)

        assert [[one.id for one in page] for page in pages] == [["a", "b"], ["c", "d"], []]
        assert [one.id for one in blocked] == ["d"]


def _use_of(state: State) -> Usage:
    """Return what one image counts for in a state."""
    return Usage(1, SIZE, int(state is State.REQUESTED)) if state in HOLDING else Usage()
