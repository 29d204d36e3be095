"""A reprocess that fails is tried again when it is due, and given up after so many tries."""

from types import SimpleNamespace
from typing import Any

from safelight.adapters.metrics import PrometheusMetrics
from safelight.domain.image import State
from safelight.domain.jobs import ReprocessImage
from safelight.worker.handlers import Handlers


async def test_a_reprocess_that_always_fails_is_given_up(stage: Any):
    image = await stage.image_in(State.READY, kind="no longer declared")
    async with stage.records.transaction() as tx:
        await tx.want_reprocess(image.id, at=stage.clock.now())
    parts: Any = SimpleNamespace(**vars(stage), metrics=PrometheusMetrics(), renderer=None)
    tries = []

    while (await stage.stored(image.id)).reprocess_wanted_at is not None:
        await Handlers(parts)(ReprocessImage(image.id))
        stored = await stage.stored(image.id)
        tries.append(stored.reprocess_tries)
        stage.clock.advance((stored.next_attempt_at or stage.clock.now()) - stage.clock.now())

    assert tries == [*range(1, stage.retries.max_attempts + 1), 0]
