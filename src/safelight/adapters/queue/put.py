"""Puts a job into PgQueuer's queue."""

from datetime import datetime, timedelta

from pgqueuer.ports.repository import QueueRepositoryPort

from safelight.adapters.queue.lanes import LATER, PLACES, dedupe_key, name_of, priority
from safelight.domain.jobs import Job, ProcessImage


async def enqueue(
    queries: QueueRepositoryPort, job: Job, *, run_at: datetime | None, behind: int, now: datetime, apart: bool = False
) -> None:
    """Queue a job, unless it is queued or running; an image that is queued keeps the better of its two turns.

    With `apart`, one that is for later waits for its time in a lane of its own.
    """
    name, turn, key = name_of(job).encode(), priority(job, behind), dedupe_key(job, run_at)
    later = None if run_at is None else max(run_at - now, timedelta(0))
    lane = f"{LATER if apart and later else ''}{PLACES[type(job)][0].name}"
    # Either way a conflict raises nothing: that would spoil a transaction.
    if isinstance(job, ProcessImage):
        await queries.enqueue(lane, name, turn, later, key, on_conflict="update_priority")
    else:
        await queries.enqueue(lane, name, turn, later, key, on_conflict="skip")
