"""What there is to do, for an operator: in the queue, where it is in the database, and in the records in any case."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from safelight.adapters.queue.overview import HeldJob, LaneLoad
from safelight.adapters.queue.postgres import PostgresQueue
from safelight.adapters.system import SystemClock
from safelight.apps.beside import database_for
from safelight.apps.database import Database
from safelight.domain.errors import WrongState
from safelight.domain.events import Origin
from safelight.domain.image import ImageId, State
from safelight.domain.who import SYSTEM
from safelight.ports.snapshot import ImageFilter
from safelight.settings import Settings
from safelight.upkeep.retry import retry_image

UNDER_WAY = (State.UPLOADED, State.PROCESSING, State.FAILED)
"""States of images that somebody has to do something about."""

AT_ONCE = 100

MOST_COUNTED = 100_000
"""So many images of each state, and jobs of each lane, are counted: of more, it matters no longer how many."""


@dataclass(frozen=True, slots=True)
class FailedImage:
    """An image that failed by our fault."""

    id: ImageId
    kind: str
    code: str
    attempts: int


@dataclass(frozen=True, slots=True)
class Overview:
    """What is under way. `lanes` is None where the queue is in the memory of the process that serves.

    `images` counts those that are uploaded, processing and failed, up to MOST_COUNTED; `since` is when the oldest that
    is uploaded came to wait. Of what is `held` and `failed`, the first are listed.
    """

    lanes: Sequence[LaneLoad] | None
    held: Sequence[HeldJob]
    images: Mapping[State, int]
    since: datetime | None
    failed: Sequence[FailedImage]


@dataclass(frozen=True, slots=True)
class Retried:
    """What was sent round again."""

    images: Sequence[ImageId]
    jobs: Sequence[int]


async def see_jobs(settings: Settings, *, limit: int) -> Overview:
    """Return what there is to do. Raises DataNotReady, StorageFailed."""
    async with database_for(settings) as database:
        queue = database.jobs if isinstance(database.jobs, PostgresQueue) else None
        lanes = None if queue is None else await queue.loads(at_most=MOST_COUNTED)
        held = () if queue is None else await queue.held(limit=limit)
        async with database.records.reading() as snapshot:
            counts = await snapshot.counts(at_most=MOST_COUNTED)
            since = await snapshot.oldest_waiting()
            failed = await snapshot.page(ImageFilter(state=State.FAILED), after=None, limit=limit)
    return Overview(
        lanes,
        held,
        {state: counts.get(state, 0) for state in UNDER_WAY},
        since,
        [
            FailedImage(image.id, image.kind, image.ending.code if image.ending else "", image.attempt)
            for image in failed
        ],
    )


async def retry_some(settings: Settings, images: Sequence[ImageId], jobs: Sequence[int]) -> Retried:
    """Send failed images and held jobs round again. Raises ImageNotFound, WrongState, DataNotReady, StorageFailed."""
    async with database_for(settings) as database:
        for image_id in images:
            await _retry(image_id, database)
        return Retried(images, await _retry_held(database, jobs) if jobs else ())


async def retry_all(settings: Settings) -> Retried:
    """Send everything that failed or is held round again. Raises DataNotReady, StorageFailed."""
    retried: list[ImageId] = []
    async with database_for(settings) as database:
        after = None
        while True:
            async with database.records.reading() as snapshot:
                failed = await snapshot.page(ImageFilter(state=State.FAILED), after=after, limit=AT_ONCE)
            if not failed:
                return Retried(retried, await _retry_held(database, None))
            for image in failed:
                with suppress(WrongState):  # somebody else was faster
                    await _retry(image.id, database)
                    retried.append(image.id)
            after = failed[-1].id


async def _retry(image_id: ImageId, database: Database) -> None:
    await retry_image(image_id, Origin(SYSTEM), records=database.records, signals=database.signals, clock=SystemClock())


async def _retry_held(database: Database, numbers: Sequence[int] | None) -> Sequence[int]:
    return await database.jobs.retry(numbers) if isinstance(database.jobs, PostgresQueue) else ()
