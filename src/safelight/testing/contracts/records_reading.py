"""What every database of records must answer when it is read."""
# ruff: noqa: D102 - a test's name is its sentence

from collections.abc import Iterable
from datetime import timedelta, timezone

import pytest

from safelight.domain.errors import ImageNotFound
from safelight.domain.events import Delivery
from safelight.domain.image import Attachment, Image, ImageId, State
from safelight.domain.jobs import DeliveryId
from safelight.domain.who import ApiKey, ApiKeyId
from safelight.ports.records import Changes, Records
from safelight.ports.snapshot import ImageFilter
from safelight.testing.contracts.records import LATER, LEASE, image_in, stored
from safelight.testing.fakes import NOW
from safelight.testing.samples import new_image, rendition

SECOND = timedelta(seconds=1)
AFTER_TTL = NOW + timedelta(minutes=16)


def numbers(images: Iterable[Image]) -> list[int]:
    """Return what numbers the images were made with."""
    return [int(image.id, 16) for image in images]


class RecordsReadingContract:
    """Pages, renditions, and what upkeep looks for."""

    async def test_an_unknown_image_is_not_found_when_reading(self, records: Records) -> None:
        async with records.reading() as snapshot:
            with pytest.raises(ImageNotFound):
                await snapshot.image(ImageId("f" * 32))

    async def test_reading_sees_nothing_that_is_not_committed(self, records: Records) -> None:
        async with records.transaction() as tx, records.reading() as snapshot:
            added = await tx.add(new_image())

            assert await snapshot.images([added.id]) == {}

    async def test_a_transaction_sees_its_own_changes(self, records: Records) -> None:
        async with records.transaction() as tx:
            added = await tx.add(new_image())

            assert await tx.image(added.id) == added

    async def test_moments_come_back_in_utc_to_the_microsecond(self, records: Records) -> None:
        summer = NOW.astimezone(timezone(timedelta(hours=2))) + timedelta(microseconds=1)

        await image_in(records, State.REQUESTED, created_at=summer)

        read = (await stored(records, new_image().id)).created_at
        assert read == summer
        assert read.utcoffset() == timedelta(0)

    async def test_of_several_images_those_that_exist_are_returned(self, records: Records) -> None:
        image = await image_in(records, State.REQUESTED)

        async with records.reading() as snapshot:
            found = await snapshot.images([image.id, ImageId("f" * 32)])
            none = await snapshot.images([])

        assert found == {image.id: image}
        assert none == {}

    async def test_pages_go_from_new_to_old(self, records: Records) -> None:
        for number in (1, 3, 2, 5, 4):
            await image_in(records, State.REQUESTED, number)

        async with records.reading() as snapshot:
            first = await snapshot.page(ImageFilter(), after=None, limit=2)
            second = await snapshot.page(ImageFilter(), after=first[-1].id, limit=2)
            third = await snapshot.page(ImageFilter(), after=second[-1].id, limit=2)

        assert [numbers(page) for page in (first, second, third)] == [[5, 4], [3, 2], [1]]

    @pytest.mark.parametrize(
        ("which", "expected"),
        [
            (ImageFilter(kind="banner"), [2]),
            (ImageFilter(state=State.UPLOADED), [3]),
            (ImageFilter(owner="bob"), [4]),
            (ImageFilter(attached_to=Attachment("shop", "42")), [5]),
            (ImageFilter(kind="avatar", state=State.REQUESTED, attached_to=Attachment("user", "42")), [4, 1]),
            (ImageFilter(kind="banner", owner="bob"), []),
        ],
    )
    async def test_a_page_holds_what_fits_the_whole_filter(
        self, records: Records, which: ImageFilter, expected: list[int]
    ) -> None:
        await image_in(records, State.REQUESTED, 1)
        await image_in(records, State.REQUESTED, 2, kind="banner")
        await image_in(records, State.UPLOADED, 3)
        await image_in(records, State.REQUESTED, 4, owner="bob")
        await image_in(records, State.REQUESTED, 5, attached_to=Attachment("shop", "42"))

        async with records.reading() as snapshot:
            page = await snapshot.page(which, after=None, limit=10)

        assert numbers(page) == expected

    async def test_renditions_come_by_variant_then_width_then_format(self, records: Records) -> None:
        image = await image_in(records, State.PROCESSING)
        other = await image_in(records, State.PROCESSING, 2)
        await image_in(records, State.PROCESSING, 3)
        ordered = [
            rendition(image.id, "card", width=1000),
            rendition(image.id, "thumb", width=96, format="jpeg"),
            rendition(image.id, "thumb", width=96, format="webp"),
            rendition(image.id, "thumb", width=480),
        ]
        async with records.transaction() as tx:
            await tx.add_rendition(rendition(other.id), attempt=1)
            for one in reversed(ordered):
                await tx.add_rendition(one, attempt=1)

        async with records.reading() as snapshot:
            one_by_one = await snapshot.renditions(image.id)
            together = await snapshot.renditions_of([image.id, other.id, ImageId(f"{3:032x}")])

        assert one_by_one == ordered
        assert together == {image.id: ordered, other.id: [rendition(other.id)]}

    async def test_uploaded_images_that_are_due_await_work_longest_waiting_first(self, records: Records) -> None:
        due_later = await image_in(records, State.UPLOADED, 1)
        due_second = await image_in(records, State.UPLOADED, 2)
        await image_in(records, State.UPLOADED, 3, created_at=NOW - SECOND)
        await image_in(records, State.READY, 4)
        async with records.transaction() as tx:
            await tx.postpone(due_later.id, was=State.UPLOADED, until=LATER)
            await tx.postpone(due_second.id, was=State.UPLOADED, until=NOW)

        async with records.reading() as snapshot:
            now = await snapshot.awaiting_work(NOW, limit=10)
            first = await snapshot.awaiting_work(NOW, limit=1)
            later = await snapshot.awaiting_work(LATER, limit=10)

        assert [numbers(found) for found in (now, first, later)] == [[3, 2], [3], [3, 2, 1]]

    async def test_images_past_their_lease_await_work_with_the_uploaded_ones(self, records: Records) -> None:
        await image_in(records, State.PROCESSING, 1)
        await image_in(records, State.UPLOADED, 2, created_at=LEASE - SECOND)
        await image_in(records, State.UPLOADED, 3, created_at=LEASE + SECOND)

        async with records.reading() as snapshot:
            before = await snapshot.awaiting_work(LEASE - SECOND, limit=10)
            after = await snapshot.awaiting_work(LEASE + SECOND, limit=10)

        assert [numbers(found) for found in (before, after)] == [[2], [2, 1, 3]]

    async def test_abandoned_images_await_work_whatever_their_lease(self, records: Records) -> None:
        await image_in(records, State.PROCESSING, 1)

        async with records.reading() as snapshot:
            assert numbers(await snapshot.awaiting_work(NOW, limit=10, abandoned=True)) == [1]
            assert await snapshot.awaiting_work(NOW, limit=10) == []

    async def test_requested_images_past_their_last_upload_url_are_unconfirmed(self, records: Records) -> None:
        await image_in(records, State.REQUESTED, 1, expires_at=AFTER_TTL)
        await image_in(records, State.REQUESTED, 2, expires_at=AFTER_TTL - SECOND)
        await image_in(records, State.REQUESTED, 3, expires_at=LATER)
        await image_in(records, State.UPLOADED, 4)
        postponed = await image_in(records, State.REQUESTED, 5)
        async with records.transaction() as tx:
            await tx.postpone(postponed.id, was=postponed.state, until=LATER)

        async with records.reading() as snapshot:
            now = await snapshot.unconfirmed(AFTER_TTL, limit=10)
            first = await snapshot.unconfirmed(AFTER_TTL, limit=1)
            later = await snapshot.unconfirmed(LATER, limit=10)

        assert [numbers(found) for found in (now, first, later)] == [[2, 1], [2], [5, 2, 1, 3]]

    async def test_bytes_are_owed_until_they_are_purged(self, records: Records) -> None:
        await image_in(records, State.REJECTED, 1, created_at=NOW + SECOND)
        await image_in(records, State.EXPIRED, 2)
        purged = await image_in(records, State.DELETED, 3)
        postponed = await image_in(records, State.DELETED, 4)
        await image_in(records, State.FAILED, 5)
        async with records.transaction() as tx:
            await tx.note_purged(purged.id, at=NOW)
            await tx.postpone(postponed.id, was=postponed.state, until=LATER)

        async with records.reading() as snapshot:
            now = await snapshot.unpurged(NOW + SECOND, limit=10)
            first = await snapshot.unpurged(NOW + SECOND, limit=1)
            later = await snapshot.unpurged(LATER, limit=10)

        assert [numbers(found) for found in (now, first, later)] == [[2, 1], [2], [2, 1, 4]]

    async def test_deliveries_are_owed_until_they_are_settled_longest_due_first(self, records: Records) -> None:
        image = await image_in(records, State.READY)
        young, old, later, settled = (
            Delivery.owed(DeliveryId(name * 32), image.id, State.READY, at=at)
            for name, at in (("a", NOW + SECOND), ("b", NOW), ("c", LATER), ("d", NOW))
        )
        async with records.transaction() as tx:
            for owed in (young, old, later, settled):
                await tx.add_delivery(owed)
            await tx.note_delivery(settled.id, attempts=1, next_attempt_at=NOW, settled_at=NOW, last_error=None)

        async with records.reading() as snapshot:
            assert await snapshot.unsettled_deliveries(NOW + SECOND, limit=10) == [old, young]
            assert await snapshot.unsettled_deliveries(NOW + SECOND, limit=1) == [old]
            assert await snapshot.delivery(DeliveryId("e" * 32)) is None

    async def test_keys_are_listed_oldest_first(self, records: Records) -> None:
        young, old = (
            ApiKey(ApiKeyId(name), "shop", "a" * 64, frozenset(), at) for name, at in (("k1", LATER), ("k2", NOW))
        )
        async with records.transaction() as tx:
            await tx.add_api_key(young)
            await tx.add_api_key(old)

        async with records.reading() as snapshot:
            assert await snapshot.api_keys() == [old, young]
            assert await snapshot.api_key(ApiKeyId("k3")) is None

    async def test_images_are_counted_in_every_state(self, records: Records) -> None:
        for number, state in enumerate([State.READY, State.READY, State.FAILED], start=1):
            await image_in(records, state, number)

        async with records.reading() as snapshot:
            counts = await snapshot.counts()

        assert counts == {**dict.fromkeys(State, 0), State.READY: 2, State.FAILED: 1}

    async def test_images_are_counted_no_further_than_wanted(self, records: Records) -> None:
        for number, state in enumerate([State.READY, State.READY, State.READY, State.FAILED], start=1):
            await image_in(records, state, number)

        async with records.reading() as snapshot:
            counts = await snapshot.counts(at_most=2)

        assert counts == {**dict.fromkeys(State, 0), State.READY: 2, State.FAILED: 1}

    async def test_the_longest_waiting_upload_is_known(self, records: Records) -> None:
        async with records.reading() as snapshot:
            nobody = await snapshot.oldest_waiting()
        await image_in(records, State.UPLOADED, 1, created_at=NOW + SECOND)
        await image_in(records, State.PROCESSING, 2)
        retried = await image_in(records, State.PROCESSING, 3)
        async with records.transaction() as tx:
            again = Changes(next_attempt_at=LATER)
            await tx.move(retried.id, was=State.PROCESSING, now=State.UPLOADED, changes=again)

        async with records.reading() as snapshot:
            oldest = await snapshot.oldest_waiting()

        assert (nobody, oldest) == (None, NOW + SECOND)
