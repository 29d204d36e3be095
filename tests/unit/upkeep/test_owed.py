"""A reprocess that is owed is tried until it is done or given up, whatever is lost in between."""

from datetime import timedelta
from typing import Any

import pytest

from safelight.deeds.declared import HANDED_BACK_FOR
from safelight.domain.errors import WrongState
from safelight.domain.events import Action
from safelight.domain.image import Image, State
from safelight.domain.jobs import ReprocessImage
from safelight.domain.kind import Kind
from safelight.domain.variant import fit
from safelight.ports.records import Changes
from safelight.testing.samples import audit_of
from safelight.upkeep.owed import begin_reprocess, give_up_reprocess, owe_reprocess
from safelight.upkeep.sides import clear_image


async def ready(stage: Any, *, original_kept: bool = True, **changes: object) -> Image:
    image = await stage.image_in(State.PROCESSING, **changes)
    async with stage.records.transaction() as tx:
        kept = Changes(original_kept=original_kept)
        done: Image = await tx.move(image.id, was=State.PROCESSING, now=State.READY, changes=kept)
    return done


async def begin(stage: Any, image: Image) -> Image | None:
    return await begin_reprocess(
        image.id, kinds=stage.kinds, records=stage.records, clock=stage.clock, retries=stage.retries
    )


async def test_it_is_noted_and_queued(stage: Any):
    image = await ready(stage)

    await owe_reprocess(image, stage.origin, records=stage.records, clock=stage.clock)

    stored = await stage.stored(image.id)
    assert (stored.reprocess_wanted_at, stored.revision) == (stage.clock.now(), image.revision)
    assert stage.queued() == [ReprocessImage(image.id)]


async def test_whoever_asked_for_it_is_noted(stage: Any):
    image = await ready(stage)

    await owe_reprocess(image, stage.origin, records=stage.records, clock=stage.clock)

    async with stage.records.reading() as snapshot:
        (noted,) = await audit_of(image.id, snapshot)
    assert (noted.action, noted.actor, noted.result) == (Action.REPROCESSED, stage.origin.name, "asked")


async def test_without_the_original_it_cannot_be(stage: Any):
    image = await ready(stage, original_kept=False)

    with pytest.raises(WrongState, match="without its original"):
        await owe_reprocess(image, stage.origin, records=stage.records, clock=stage.clock)

    assert stage.queued() == []


@pytest.mark.parametrize("state", sorted(set(State) - {State.READY}))
async def test_an_image_that_is_not_ready_is_refused(stage: Any, state: State):
    image = await stage.image_in(state)

    with pytest.raises(WrongState):
        await owe_reprocess(image, stage.origin, records=stage.records, clock=stage.clock)

    assert await stage.stored(image.id) == image


async def test_until_the_image_is_clear_no_try_is_due_and_none_counts(stage: Any):
    image = await ready(stage)
    await owe_reprocess(image, stage.origin, records=stage.records, clock=stage.clock)
    async with stage.records.transaction() as tx:
        await tx.sides.owe(image.id, at=stage.clock.now())
    before = await begin(stage, image)

    await clear_image(image.id, records=stage.records, objects=stage.objects, clock=stage.clock)
    begun = await begin(stage, image)

    assert before is None
    assert begun is not None
    assert begun.reprocess_tries == 1


async def test_a_try_counts_from_its_beginning_and_the_next_is_due_later(stage: Any):
    image = await ready(stage)
    await owe_reprocess(image, stage.origin, records=stage.records, clock=stage.clock)

    first, at_once = await begin(stage, image), await begin(stage, image)
    stage.clock.advance(timedelta(seconds=2))
    second = await begin(stage, image)

    assert first is not None
    assert second is not None
    assert at_once is None
    assert (first.reprocess_tries, second.reprocess_tries) == (1, 2)


async def test_where_nothing_is_owed_nothing_begins(stage: Any):
    assert await begin(stage, await ready(stage)) is None


async def test_what_was_given_up_is_owed_no_more_until_it_is_wanted_anew(stage: Any):
    image = await ready(stage)
    await owe_reprocess(image, stage.origin, records=stage.records, clock=stage.clock)
    begun = await begin(stage, image)
    assert begun is not None

    await give_up_reprocess(begun, records=stage.records)
    given_up = await begin(stage, image)
    await owe_reprocess(image, stage.origin, records=stage.records, clock=stage.clock)
    anew = await begin(stage, image)

    assert given_up is None
    assert anew is not None
    assert anew.reprocess_tries == 1


async def test_a_process_with_an_older_kinds_file_hands_the_job_back_and_counts_no_try(stage: Any):
    image = await ready(stage)
    await owe_reprocess(image, stage.origin, records=stage.records, clock=stage.clock)
    await stage.outdate(stage.kinds["avatar"])

    begun = await begin(stage, image)

    stored, again = await stage.stored(image.id), stage.clock.now() + HANDED_BACK_FOR
    assert begun is None
    assert (stored.reprocess_tries, stored.next_attempt_at) == (0, again)
    assert stage.jobs.queued[-1] == (ReprocessImage(image.id), again)


async def test_a_process_without_the_kind_hands_the_job_back_where_another_has_it(stage: Any):
    image = await ready(stage, kind="banner")
    await owe_reprocess(image, stage.origin, records=stage.records, clock=stage.clock)
    await stage.outdate(Kind("banner", variants={"wide": fit(1600)}))

    assert await begin(stage, image) is None
    assert stage.jobs.queued[-1] == (ReprocessImage(image.id), stage.clock.now() + HANDED_BACK_FOR)
