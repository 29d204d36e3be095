"""What an operator sees of the queue on Postgres, and does about it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from safelight.adapters.queue.bell import RUNG
from safelight.adapters.queue.errors import storage_failures
from safelight.adapters.queue.lanes import LANES
from safelight.adapters.queue.schema import LOG, QUEUE, SETTINGS


@dataclass(frozen=True, slots=True)
class LaneLoad:
    """How many jobs of a lane wait for a worker, or for their time, run, or are held; since when the oldest waits."""

    lane: str
    waiting: int
    later: int
    running: int
    held: int
    oldest: datetime | None


@dataclass(frozen=True, slots=True)
class HeldJob:
    """A job that ended so many workers that it is given to no other."""

    number: int
    job: str
    tries: int
    since: datetime


LOADS = f"""
    SELECT lane.name AS lane,
        count(*) FILTER (WHERE job.status = 'queued' AND job.execute_after <= now()) AS waiting,
        count(*) FILTER (WHERE job.status = 'queued' AND job.execute_after > now()) AS later,
        count(*) FILTER (WHERE job.status = 'picked') AS running,
        count(*) FILTER (WHERE job.status = 'failed') AS held,
        min(job.execute_after) FILTER (WHERE job.status = 'queued' AND job.execute_after <= now()) AS oldest
    FROM unnest($1::text[]) WITH ORDINALITY AS lane(name, place)
    LEFT JOIN {QUEUE} job ON job.entrypoint = lane.name
    GROUP BY lane.name, lane.place ORDER BY lane.place
"""  # noqa: S608 - our own names

HELD = f"""
    SELECT id, convert_from(payload, 'UTF8') AS job, attempts - 1 AS tries, updated
    FROM {QUEUE} WHERE status = 'failed' ORDER BY id LIMIT $1
"""  # noqa: S608 - our own name

RETRY = f"""
    WITH retried AS (
        UPDATE {QUEUE} AS held
        SET status = 'queued', execute_after = now(), updated = now(), attempts = 0, queue_manager_id = NULL
        WHERE status = 'failed' AND ($1::bigint[] IS NULL OR id = ANY($1))
            AND NOT EXISTS (
                SELECT FROM {QUEUE} AS other
                WHERE other.dedupe_key = held.dedupe_key AND other.status IN ('queued', 'picked')
            )
        RETURNING id, entrypoint, priority
    ), logged AS (
        INSERT INTO {LOG} (job_id, status, entrypoint, priority) SELECT id, 'queued', entrypoint, priority FROM retried
    )
    SELECT id, pg_notify('{SETTINGS.channel}', '{RUNG}') FROM retried ORDER BY id
"""  # noqa: S608 - our own names


async def loads(pool: asyncpg.Pool) -> Sequence[LaneLoad]:
    """Return how much there is to do in each lane. Raises StorageFailed."""
    with storage_failures():
        rows = await pool.fetch(LOADS, [lane.name for lane in LANES])
    return [LaneLoad(**row) for row in rows]


async def held_jobs(pool: asyncpg.Pool, *, limit: int) -> Sequence[HeldJob]:
    """Return jobs that are held, the oldest first. Raises StorageFailed."""
    with storage_failures():
        rows: Sequence[Any] = await pool.fetch(HELD, limit)
    return [HeldJob(row["id"], row["job"], row["tries"], row["updated"]) for row in rows]


async def retry_held(pool: asyncpg.Pool, numbers: Sequence[int] | None) -> Sequence[int]:
    """Queue held jobs again, all of them where no numbers are given, and return which. Raises StorageFailed."""
    with storage_failures():
        rows = await pool.fetch(RETRY, numbers)
    return [row["id"] for row in rows]
