"""What every database of records must do: moves, fences and jobs here, the rest in the modules beside.

class TestSqlite(EveryRecordsContract):
    @pytest.fixture
    async def records(self, tmp_path: Path, jobs: RecordingJobs) -> AsyncIterator[SqlRecords]:
        migrate(tmp_path / "records.db")
        async with open_records(tmp_path / "records.db", jobs) as records:
            yield records

`jobs` is a fixture of this suite: the queue that the records hand their jobs to.
"""
# ruff: noqa: D102 - a test's name is its sentence

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from safelight.domain.errors import ImageNotFound, WrongState
from safelight.domain.image import NEXT, Checksum, ChecksumAlgorithm, Ending, Image, ImageId, State
from safelight.domain.jobs import ProcessImage
from safelight.ports.records import UNCHANGED, Changes, Records
from safelight.testing.fakes import NOW, RecordingJobs
from safelight.testing.samples import LOOK, VERIFIED, new_image, rendition

LEASE = NOW + timedelta(minutes=5)
LATER = NOW + timedelta(hours=1)
NOBODYS = ImageId("f" * 32)

ROAD = {
    State.REQUESTED: (),
    State.UPLOADED: (State.UPLOADED,),
    State.PROCESSING: (State.UPLOADED, State.PROCESSING),
    State.HELD: (State.UPLOADED, State.PROCESSING, State.HELD),
    State.READY: (State.UPLOADED, State.PROCESSING, State.READY),
    State.REJECTED: (State.UPLOADED, State.PROCESSING, State.REJECTED),
    State.FAILED: (State.UPLOADED, State.PROCESSING, State.FAILED),
    State.EXPIRED: (State.EXPIRED,),
    State.DELETED: (State.DELETED,),
}
"""How a new image gets into each state."""


async def image_in(records: Records, state: State, number: int = 1, **changes: object) -> Image:
    """Return an image that went the road to `state`."""
    async with records.transaction() as tx:
        image = await tx.add(new_image(number, **changes))
        for step in ROAD[state]:
            if step is State.PROCESSING:
                image = await tx.take(image, now=step, lease_until=LEASE) or image
            else:
                image = await tx.move(image.id, was=image.state, now=step)
    return image


async def stored(records: Records, image_id: ImageId) -> Image:
    """Return the record as it is now."""
    async with records.reading() as snapshot:
        return await snapshot.image(image_id)


class RecordsContract:
    """Moves, takes and jobs."""

    @pytest.fixture
    def jobs(self) -> RecordingJobs:
        """Return the queue that the records hand their jobs to."""
        return RecordingJobs()

    async def test_an_added_image_is_requested_and_nothing_more(self, records: Records) -> None:
        new = new_image(checksum=Checksum(ChecksumAlgorithm.CRC32C, "4waSgw=="))

        async with records.transaction() as tx:
            added = await tx.add(new)

        assert added == await stored(records, new.id)
        assert (added.state, added.upload_attempt, added.attempt) == (State.REQUESTED, 1, 0)
        assert (added.attached_to, added.checksum) == (new.attached_to, new.checksum)
        assert (added.created_at, added.expires_at) == (new.created_at, new.expires_at)
        assert (added.verified, added.look, added.ending, added.purged_at) == (None, None, None, None)

    async def test_an_image_of_nobody_for_nothing_is_possible(self, records: Records) -> None:
        image = await image_in(records, State.REQUESTED, owner=None, attached_to=None)

        assert (image.owner, image.attached_to) == (None, None)

    async def test_every_move_of_the_table_can_be_made(self, records: Records) -> None:
        moves = [(was, now) for was in State for now in NEXT[was]]

        for number, (was, now) in enumerate(moves):
            image = await image_in(records, was, number)
            async with records.transaction() as tx:
                await tx.move(image.id, was=was, now=now)
            assert (await stored(records, image.id)).state is now

    @pytest.mark.parametrize("was", State)
    async def test_no_other_move_can_be_made(self, records: Records, was: State) -> None:
        image = await image_in(records, was)

        async with records.transaction() as tx:
            for now in set(State) - NEXT[was]:
                with pytest.raises(ValueError, match=f"from {was} to {now}"):
                    await tx.move(image.id, was=was, now=now)

        assert await stored(records, image.id) == image

    async def test_a_move_raises_the_revision_and_ends_lease_and_wait(self, records: Records) -> None:
        image = await image_in(records, State.PROCESSING)
        async with records.transaction() as tx:
            await tx.postpone(image.id, was=image.state, until=LATER)

        async with records.transaction() as tx:
            moved = await tx.move(image.id, was=State.PROCESSING, now=State.UPLOADED)

        assert moved.revision > image.revision
        assert (moved.lease_until, moved.next_attempt_at) == (None, None)

    async def test_a_move_changes_what_it_is_told_and_leaves_the_rest(self, records: Records) -> None:
        image = await image_in(records, State.PROCESSING)
        ending = Ending("truncated", "The end of this image is missing.")
        changes = Changes(
            upload_attempt=3,
            expires_at=LATER,
            next_attempt_at=LATER,
            ready_at=NOW,
            ending=ending,
            original_kept=True,
            look=LOOK,
        )

        async with records.transaction() as tx:
            told = await tx.move(image.id, was=State.PROCESSING, now=State.UPLOADED, changes=changes)
        async with records.transaction() as tx:
            left = await tx.move(image.id, was=State.UPLOADED, now=State.PROCESSING, changes=UNCHANGED)

        assert (told.upload_attempt, told.expires_at, told.next_attempt_at) == (3, LATER, LATER)
        assert (told.ready_at, told.ending, told.original_kept, told.look) == (NOW, ending, True, LOOK)
        assert (left.upload_attempt, left.expires_at) == (3, LATER)
        assert (left.ready_at, left.ending, left.original_kept, left.look) == (NOW, ending, True, LOOK)

    async def test_a_move_from_another_state_is_refused_with_the_true_one(self, records: Records) -> None:
        image = await image_in(records, State.UPLOADED)

        with pytest.raises(WrongState) as refused:
            async with records.transaction() as tx:
                await tx.move(image.id, was=State.REQUESTED, now=State.EXPIRED)

        assert refused.value.state == State.UPLOADED
        assert await stored(records, image.id) == image

    async def test_a_move_at_another_attempt_is_refused(self, records: Records) -> None:
        image = await image_in(records, State.PROCESSING)

        with pytest.raises(WrongState):
            async with records.transaction() as tx:
                await tx.move(image.id, was=State.PROCESSING, now=State.READY, attempt=image.attempt + 1)

        assert await stored(records, image.id) == image

    async def test_an_unknown_image_is_not_found(self, records: Records) -> None:
        async with records.transaction() as tx:
            with pytest.raises(ImageNotFound):
                await tx.image(NOBODYS)
            with pytest.raises(ImageNotFound):
                await tx.move(NOBODYS, was=State.REQUESTED, now=State.EXPIRED)
            with pytest.raises(ImageNotFound):
                await tx.resign(NOBODYS, upload_attempt=2, expires_at=LATER)
            with pytest.raises(ImageNotFound):
                await tx.note_verified(NOBODYS, attempt=1, verified=VERIFIED, look=None)
            with pytest.raises(ImageNotFound):
                await tx.add_rendition(rendition(NOBODYS), attempt=1)
            with pytest.raises(ImageNotFound):
                await tx.note_purged(NOBODYS, at=NOW)

    async def test_another_signed_upload_is_one_attempt_above_the_last(self, records: Records) -> None:
        image = await image_in(records, State.REQUESTED)

        async with records.transaction() as tx:
            again = await tx.resign(image.id, upload_attempt=2, expires_at=LATER)
        with pytest.raises(WrongState):
            async with records.transaction() as tx:
                await tx.resign(image.id, upload_attempt=2, expires_at=LATER)

        assert (again.upload_attempt, again.expires_at) == (2, LATER)
        assert await stored(records, image.id) == again

    async def test_an_upload_in_parts_is_known_by_name_until_the_next_one(self, records: Records) -> None:
        image = await image_in(records, State.REQUESTED, multipart_id="upload-1")

        async with records.transaction() as tx:
            second = await tx.resign(image.id, upload_attempt=2, expires_at=LATER, multipart_id="upload-2")
            third = await tx.resign(image.id, upload_attempt=3, expires_at=LATER)

        assert [one.multipart_id for one in (image, second, third)] == ["upload-1", "upload-2", None]

    async def test_the_end_of_an_upload_is_put_off_and_never_brought_forward(self, records: Records) -> None:
        image = await image_in(records, State.REQUESTED)

        async with records.transaction() as tx:
            await tx.prolong(image.id, upload_attempt=1, expires_at=LATER)
            await tx.prolong(image.id, upload_attempt=1, expires_at=NOW)

        assert await stored(records, image.id) == replace(image, expires_at=LATER)

    async def test_the_end_of_another_upload_or_of_one_that_came_is_not_put_off(self, records: Records) -> None:
        image, uploaded = await image_in(records, State.REQUESTED), await image_in(records, State.UPLOADED, 2)

        for image_id, attempt in ((image.id, 2), (uploaded.id, 1)):
            with pytest.raises(WrongState):
                async with records.transaction() as tx:
                    await tx.prolong(image_id, upload_attempt=attempt, expires_at=LATER)

        assert await stored(records, image.id) == image

    async def test_no_signed_upload_is_noted_once_the_bytes_came(self, records: Records) -> None:
        image = await image_in(records, State.UPLOADED)

        with pytest.raises(WrongState):
            async with records.transaction() as tx:
                await tx.resign(image.id, upload_attempt=2, expires_at=LATER)

    @pytest.mark.parametrize(
        ("was", "now"),
        [
            (State.UPLOADED, State.PROCESSING),
            (State.PROCESSING, State.PROCESSING),
            (State.READY, State.READY),
        ],
    )
    async def test_a_worker_takes_an_image_with_a_lease(self, records: Records, was: State, now: State) -> None:
        image = await image_in(records, was)

        async with records.transaction() as tx:
            taken = await tx.take(image, now=now, lease_until=LATER)

        assert taken is not None
        assert (taken.state, taken.attempt) == (now, image.attempt + 1)
        assert (taken.lease_until, taken.next_attempt_at) == (LATER, None)

    async def test_nobody_takes_an_image_that_is_not_to_be_worked_on(self, records: Records) -> None:
        image = await image_in(records, State.REQUESTED)

        async with records.transaction() as tx:
            with pytest.raises(ValueError, match="takes"):
                await tx.take(image, now=State.PROCESSING, lease_until=LEASE)

    @pytest.mark.parametrize("was", [State.UPLOADED, State.PROCESSING, State.READY])
    async def test_of_fifty_workers_one_takes_the_image(self, records: Records, was: State) -> None:
        image = await image_in(records, was)
        now = State.READY if was is State.READY else State.PROCESSING

        async def take() -> Image | None:
            async with records.transaction() as tx:
                return await tx.take(image, now=now, lease_until=LEASE)

        taken = await asyncio.gather(*(take() for _ in range(50)))

        assert [one.attempt for one in taken if one] == [image.attempt + 1]

    async def test_forty_writers_at_once_all_write(self, records: Records) -> None:
        written = await asyncio.gather(*(image_in(records, State.UPLOADED, number) for number in range(40)))

        async with records.reading() as snapshot:
            assert await snapshot.images([image.id for image in written]) == {image.id: image for image in written}

    async def test_jobs_are_queued_when_the_transaction_commits(self, records: Records, jobs: RecordingJobs) -> None:
        image = await image_in(records, State.REQUESTED)

        async with records.transaction() as tx:
            await tx.move(image.id, was=State.REQUESTED, now=State.UPLOADED)
            await tx.enqueue(ProcessImage(image.id), run_at=LATER)

        assert jobs.queued == [(ProcessImage(image.id), LATER)]

    @pytest.mark.parametrize(("owner", "ahead"), [("me", 3), ("you", 1), ("nobody yet", 0), (None, 0)])
    async def test_an_image_goes_behind_those_of_its_owner_that_are_uploaded(
        self, records: Records, jobs: RecordingJobs, owner: str | None, ahead: int
    ) -> None:
        for number, state in enumerate((*[State.UPLOADED] * 3, State.REQUESTED, State.PROCESSING, State.READY), 1):
            await image_in(records, state, number, owner="me")
        await image_in(records, State.UPLOADED, 7, owner="you")
        await image_in(records, State.UPLOADED, 8, owner=None)
        image = await image_in(records, State.UPLOADED, 9, owner=owner)

        async with records.transaction() as tx:
            await tx.enqueue(ProcessImage(image.id))

        assert jobs.behind == {ProcessImage(image.id): ahead}

    async def test_an_image_goes_behind_as_many_as_is_said(self, records: Records, jobs: RecordingJobs) -> None:
        await image_in(records, State.UPLOADED, 1, owner="me")
        image = await image_in(records, State.UPLOADED, 2, owner="me")

        async with records.transaction() as tx:
            await tx.enqueue(ProcessImage(image.id), behind=7)

        assert jobs.behind == {ProcessImage(image.id): 7}

    async def test_a_block_that_raises_leaves_nothing_and_queues_nothing(
        self, records: Records, jobs: RecordingJobs
    ) -> None:
        image = await image_in(records, State.REQUESTED)

        async def move_and_fail() -> None:
            async with records.transaction() as tx:
                await tx.move(image.id, was=State.REQUESTED, now=State.UPLOADED)
                await tx.enqueue(ProcessImage(image.id))
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await move_and_fail()

        assert await stored(records, image.id) == image
        assert jobs.queued == []
