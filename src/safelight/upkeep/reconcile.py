"""Reconcile: find, from the records alone, whatever queue, webhooks or clients lost."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from safelight.domain.errors import SafelightError, StorageFailed
from safelight.domain.image import Image
from safelight.domain.jobs import ClearSide, Job, ProcessImage, PurgeImage, ReprocessImage, SendWebhook
from safelight.ports.clock import Clock
from safelight.ports.object_store import ObjectStore
from safelight.ports.records import Records
from safelight.ports.signals import Signals
from safelight.upkeep.expire import expire_image


@dataclass(frozen=True, slots=True)
class Found:
    """How many records were given a push."""

    to_process: int
    unconfirmed: int
    to_purge: int
    to_announce: int
    to_reprocess: int = 0
    to_clear: int = 0


async def reconcile(
    *,
    records: Records,
    objects: ObjectStore,
    signals: Signals,
    clock: Clock,
    grace: timedelta,
    limit: int,
) -> Found:
    """Queue again what should be under way, and settle uploads that nobody confirmed; at most `limit` of each.

    What is queued or running already is not queued twice, but of each owner's images, those that have waited longest
    get the first turns: none is overtaken for ever. Raises at the end what kept it from settling an upload: that does
    not keep the others, unless the store is away.
    """
    now = clock.now()
    async with records.reading() as snapshot:
        waiting = await snapshot.awaiting_work(now, limit=limit)
        wanted_again = await snapshot.awaiting_reprocess(now, limit=limit)
        unconfirmed = await snapshot.unconfirmed(now, limit=limit)
        unpurged = await snapshot.unpurged(now, limit=limit)
        unclear = await snapshot.unclear(now, limit=limit)
        unsettled = await snapshot.unsettled_deliveries(now, limit=limit)

    jobs: list[Job] = [
        *(ReprocessImage(image.id) for image in wanted_again),
        *(PurgeImage(image.id) for image in unpurged),
        *(ClearSide(image.id) for image in unclear),
        *(SendWebhook(delivery.id) for delivery in unsettled),
    ]
    # Each in a transaction of its own: workers lock several jobs at once, in their own order.
    for image, behind in _in_turn(waiting):
        async with records.transaction() as tx:
            await tx.enqueue(ProcessImage(image.id), run_at=image.next_attempt_at, behind=behind)
    for job in jobs:
        async with records.transaction() as tx:
            await tx.enqueue(job)
    failures: list[SafelightError] = []
    for image in unconfirmed:
        try:
            await expire_image(image, records=records, objects=objects, signals=signals, clock=clock, grace=grace)
        except SafelightError as error:
            failures.append(error)
            if not await _answers(objects):  # it may take half a minute for each: the next round looks again
                break
    if failures:
        raise failures[0]
    return Found(len(waiting), len(unconfirmed), len(unpurged), len(unsettled), len(wanted_again), len(unclear))


async def _answers(objects: ObjectStore) -> bool:
    """Whether the store is there, whatever is wrong with one object."""
    try:
        await objects.check()
    except StorageFailed:
        return False
    return True


def _in_turn(waiting: Sequence[Image]) -> Iterator[tuple[Image, int]]:
    """Yield each image with how many of its owner's have waited longer."""
    before = Counter[str | None]()
    for image in waiting:
        yield image, 0 if image.owner is None else before[image.owner]
        before[image.owner] += 1
