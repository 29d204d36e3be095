"""What every database of records must keep: what workers and upkeep note of images, deliveries and API keys."""
# ruff: noqa: D102 - a test's name is its sentence

import pytest

from safelight.domain.errors import WrongState
from safelight.domain.events import Delivery
from safelight.domain.image import State
from safelight.domain.jobs import DeliveryId
from safelight.domain.who import ApiKey, ApiKeyId, Scope
from safelight.ports.records import Changes, Records
from safelight.testing.contracts.records import LATER, image_in, stored
from safelight.testing.fakes import NOW
from safelight.testing.samples import LOOK, VERIFIED, rendition


class RecordsNotesContract:
    """What workers and upkeep note of an image, and what else is kept."""

    @pytest.mark.parametrize("state", [State.PROCESSING, State.READY])
    async def test_what_the_bytes_are_is_noted(self, records: Records, state: State) -> None:
        image = await image_in(records, state)

        async with records.transaction() as tx:
            await tx.note_verified(image.id, attempt=image.attempt, verified=VERIFIED, look=LOOK)

        noted = await stored(records, image.id)
        assert (noted.verified, noted.look) == (VERIFIED, LOOK)
        assert noted.revision > image.revision
        assert noted.lease_until == image.lease_until

    async def test_a_look_stays_where_none_is_noted(self, records: Records) -> None:
        image = await image_in(records, State.PROCESSING)

        async with records.transaction() as tx:
            await tx.note_verified(image.id, attempt=1, verified=VERIFIED, look=LOOK)
            await tx.note_verified(image.id, attempt=1, verified=VERIFIED, look=None)

        assert (await stored(records, image.id)).look == LOOK

    async def test_a_rendition_is_noted_once(self, records: Records) -> None:
        image = await image_in(records, State.PROCESSING)
        thumb = rendition(image.id)

        async with records.transaction() as tx:
            await tx.add_rendition(thumb, attempt=1)
        once = await stored(records, image.id)
        async with records.transaction() as tx:
            await tx.add_rendition(thumb, attempt=1)

        async with records.reading() as snapshot:
            assert await snapshot.renditions(image.id) == [thumb]
        assert once.revision > image.revision
        assert await stored(records, image.id) == once

    async def test_an_attempt_that_was_none_is_given_back_by_who_has_it(self, records: Records) -> None:
        image = await image_in(records, State.PROCESSING)
        given_back = Changes(attempt=image.attempt - 1, next_attempt_at=LATER)

        with pytest.raises(WrongState):
            async with records.transaction() as tx:
                await tx.move(image.id, was=State.PROCESSING, now=State.UPLOADED, attempt=9, changes=given_back)
        async with records.transaction() as tx:
            moved = await tx.move(
                image.id, was=State.PROCESSING, now=State.UPLOADED, attempt=image.attempt, changes=given_back
            )

        assert (moved.state, moved.attempt, moved.next_attempt_at) == (State.UPLOADED, image.attempt - 1, LATER)
        assert await stored(records, image.id) == moved

    @pytest.mark.parametrize("state", [State.UPLOADED, State.HELD, State.FAILED, State.DELETED])
    async def test_nothing_is_noted_of_an_image_that_no_worker_has(self, records: Records, state: State) -> None:
        image = await image_in(records, state)

        async with records.transaction() as tx:
            with pytest.raises(WrongState):
                await tx.note_verified(image.id, attempt=image.attempt, verified=VERIFIED, look=LOOK)
            with pytest.raises(WrongState):
                await tx.add_rendition(rendition(image.id), attempt=image.attempt)

        assert await stored(records, image.id) == image

    async def test_a_worker_whose_image_was_taken_over_notes_nothing(self, records: Records) -> None:
        image = await image_in(records, State.PROCESSING)
        async with records.transaction() as tx:
            taken_over = await tx.take(image, now=State.PROCESSING, lease_until=LATER)

        async with records.transaction() as tx:
            with pytest.raises(WrongState):
                await tx.note_verified(image.id, attempt=image.attempt, verified=VERIFIED, look=LOOK)
            with pytest.raises(WrongState):
                await tx.add_rendition(rendition(image.id), attempt=image.attempt)

        assert await stored(records, image.id) == taken_over

    async def test_renditions_are_forgotten_and_what_is_not_there_is_no_error(self, records: Records) -> None:
        image = await image_in(records, State.READY)
        stale, kept = rendition(image.id, fingerprint="0" * 16), rendition(image.id)
        async with records.transaction() as tx:
            await tx.add_rendition(stale, attempt=image.attempt)
            await tx.add_rendition(kept, attempt=image.attempt)
        before = await stored(records, image.id)

        async with records.transaction() as tx:
            await tx.drop_renditions(image.id, [stale, rendition(image.id, "never-made")])
        after = await stored(records, image.id)
        async with records.transaction() as tx:
            await tx.drop_renditions(image.id, [stale])
            await tx.drop_renditions(image.id, [])

        async with records.reading() as snapshot:
            assert await snapshot.renditions(image.id) == [kept]
        assert after.revision > before.revision
        assert await stored(records, image.id) == after

    async def test_a_retired_rendition_is_shown_no_more_and_still_noted(self, records: Records) -> None:
        image = await image_in(records, State.READY)
        old, kept = rendition(image.id, fingerprint="0" * 16), rendition(image.id)
        async with records.transaction() as tx:
            for one in (old, kept):
                await tx.add_rendition(one, attempt=image.attempt)

        async with records.transaction() as tx:
            await tx.retire_renditions(image.id, [old], at=NOW)

        async with records.transaction() as tx:
            assert await tx.renditions(image.id) == [kept]
            assert await tx.renditions_of([image.id], retired_since=NOW) == {image.id: [old, kept]}
            assert await tx.renditions_of([image.id], retired_since=LATER) == {image.id: [kept]}
            assert [await tx.forget_retired(before, limit=10) for before in (NOW, LATER, LATER)] == [0, 1, 0]

    async def test_a_retired_rendition_that_is_stored_again_is_shown_again(self, records: Records) -> None:
        image = await image_in(records, State.READY)
        async with records.transaction() as tx:
            await tx.add_rendition(rendition(image.id), attempt=image.attempt)
            await tx.retire_renditions(image.id, [rendition(image.id)], at=NOW)

        again = rendition(image.id, bytes=7)
        async with records.transaction() as tx:
            await tx.add_rendition(again, attempt=image.attempt)

        async with records.transaction() as tx:
            assert await tx.renditions(image.id) == [again]
            assert await tx.forget_retired(LATER, limit=10) == 0

    async def test_a_purged_image_tells_nothing_of_its_file(self, records: Records) -> None:
        image = await image_in(records, State.READY)
        async with records.transaction() as tx:
            await tx.note_verified(image.id, attempt=image.attempt, verified=VERIFIED, look=LOOK)
            await tx.move(image.id, was=State.READY, now=State.DELETED)

        async with records.transaction() as tx:
            await tx.note_purged(image.id, at=NOW)

        purged = await stored(records, image.id)
        assert (purged.filename, purged.checksum, purged.verified, purged.look) == ("", None, None, None)

    async def test_an_image_is_put_off_only_in_the_state_that_it_is_known_in(self, records: Records) -> None:
        image = await image_in(records, State.UPLOADED)

        with pytest.raises(WrongState):
            async with records.transaction() as tx:
                await tx.postpone(image.id, was=State.REQUESTED, until=LATER)

        assert await stored(records, image.id) == image

    async def test_a_purged_image_has_no_renditions(self, records: Records) -> None:
        image = await image_in(records, State.READY)
        async with records.transaction() as tx:
            await tx.add_rendition(rendition(image.id), attempt=image.attempt)
            await tx.move(image.id, was=State.READY, now=State.DELETED)

        async with records.transaction() as tx:
            await tx.note_purged(image.id, at=NOW)

        async with records.reading() as snapshot:
            assert await snapshot.renditions(image.id) == []
            assert (await snapshot.image(image.id)).purged_at == NOW

    @pytest.mark.parametrize("state", [State.UPLOADED, State.PROCESSING, State.HELD, State.READY, State.FAILED])
    async def test_an_image_that_needs_its_bytes_is_not_purged(self, records: Records, state: State) -> None:
        image = await image_in(records, state)

        with pytest.raises(WrongState):
            async with records.transaction() as tx:
                await tx.note_purged(image.id, at=NOW)

        assert await stored(records, image.id) == image

    async def test_postponing_is_no_visible_change(self, records: Records) -> None:
        image = await image_in(records, State.REQUESTED)

        async with records.transaction() as tx:
            await tx.postpone(image.id, was=image.state, until=LATER)

        postponed = await stored(records, image.id)
        assert (postponed.next_attempt_at, postponed.revision) == (LATER, image.revision)

    async def test_the_outcome_of_a_delivery_is_noted_once(self, records: Records) -> None:
        image = await image_in(records, State.READY)
        owed = Delivery.owed(DeliveryId("d" * 32), image.id, State.READY, at=NOW)
        async with records.transaction() as tx:
            await tx.add_delivery(owed)

        async def note() -> bool:
            async with records.transaction() as tx:
                return await tx.note_delivery(
                    owed.id, attempts=1, next_attempt_at=LATER, settled_at=None, last_error="refused"
                )

        first, second = await note(), await note()

        assert (first, second) == (True, False)
        async with records.reading() as snapshot:
            delivery = await snapshot.delivery(owed.id)
        assert delivery is not None
        assert (delivery.event, delivery.attempts, delivery.last_error) == (owed.event, 1, "refused")
        assert (delivery.next_attempt_at, delivery.settled_at) == (LATER, None)

    async def test_a_try_that_was_claimed_is_noted_until_it_is_settled(self, records: Records) -> None:
        image = await image_in(records, State.READY)
        owed = Delivery.owed(DeliveryId("d" * 32), image.id, State.READY, at=NOW)
        async with records.transaction() as tx:
            await tx.add_delivery(owed)
            await tx.note_delivery(owed.id, attempts=1, next_attempt_at=LATER, settled_at=None, last_error=None)

        async def settle(was: int) -> bool:
            async with records.transaction() as tx:
                return await tx.note_delivery(
                    owed.id, was=was, attempts=1, next_attempt_at=LATER, settled_at=NOW, last_error="gone"
                )

        as_before, as_claimed, again = await settle(0), await settle(1), await settle(1)

        assert (as_before, as_claimed, again) == (False, True, False)
        async with records.reading() as snapshot:
            delivery = await snapshot.delivery(owed.id)
        assert delivery is not None
        assert (delivery.attempts, delivery.settled_at, delivery.last_error) == (1, NOW, "gone")

    async def test_a_key_is_kept_as_it_was_first(self, records: Records) -> None:
        key = ApiKey(ApiKeyId("k1"), "shop", "a" * 64, frozenset({Scope.UPLOAD, Scope.READ}), NOW)
        other = ApiKey(ApiKeyId("k1"), "thief", "b" * 64, frozenset(Scope), NOW)

        async with records.transaction() as tx:
            await tx.add_api_key(key)
            await tx.add_api_key(other)

        async with records.reading() as snapshot:
            assert await snapshot.api_key(key.id) == key

    async def test_a_key_is_revoked_once(self, records: Records) -> None:
        key = ApiKey(ApiKeyId("k1"), "shop", "a" * 64, frozenset(), NOW)
        async with records.transaction() as tx:
            await tx.add_api_key(key)

        async with records.transaction() as tx:
            revoked = await tx.revoke_api_key(key.id, at=LATER)
            again = await tx.revoke_api_key(key.id, at=NOW)
            unknown = await tx.revoke_api_key(ApiKeyId("k2"), at=NOW)

        assert (revoked, again, unknown) == (True, False, False)
        async with records.reading() as snapshot:
            kept = await snapshot.api_key(key.id)
        assert kept is not None
        assert kept.revoked_at == LATER
