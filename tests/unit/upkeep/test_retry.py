"""Sending a failed image round again."""

from typing import Any

import pytest

from safelight.domain.errors import WrongState
from safelight.domain.events import Action
from safelight.domain.image import State
from safelight.domain.jobs import ProcessImage
from safelight.testing.samples import audit_of
from safelight.upkeep.retry import retry_image


async def test_a_failed_image_is_uploaded_again_and_queued(stage: Any):
    image = await stage.image_in(State.FAILED)

    await retry_image(image.id, stage.origin, records=stage.records, signals=stage.signals, clock=stage.clock)

    assert (await stage.stored(image.id)).state is State.UPLOADED
    assert stage.queued() == [ProcessImage(image.id)]
    assert await stage.actions(image.id) == [Action.REPROCESSED]


async def test_whoever_asked_for_it_is_noted(stage: Any):
    image = await stage.image_in(State.FAILED)

    await retry_image(image.id, stage.origin, records=stage.records, signals=stage.signals, clock=stage.clock)

    async with stage.records.reading() as snapshot:
        (noted,) = await audit_of(image.id, snapshot)
    assert (noted.actor, noted.address, noted.owner) == (stage.origin.name, "192.0.2.1", image.owner)


@pytest.mark.parametrize("state", sorted(set(State) - {State.FAILED}))
async def test_any_other_image_stays_as_it_is(stage: Any, state: State):
    image = await stage.image_in(state)

    with pytest.raises(WrongState):
        await retry_image(image.id, stage.origin, records=stage.records, signals=stage.signals, clock=stage.clock)

    assert await stage.stored(image.id) == image
    assert stage.queued() == []
