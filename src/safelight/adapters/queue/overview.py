"""What an operator sees of the queue on Postgres, and does about it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from safelight.adapters.queue.bell import RUNG
from safelight.adapters.queue.errors import storage_failures
from safelight.adapters.queue.lanes import LANES, LATER
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


def _queued(lane: str, when: str) -> str:
    """Return the query for when so many jobs of a lane that are queued are due, the first of them first.

    In the order of an index, so that it ends where the limit is, whatever else is in the table.
    """
    return f"""
        SELECT execute_after FROM {QUEUE}
        WHERE status = 'queued' AND entrypoint = {lane} AND execute_after {when} ORDER BY execute_after LIMIT $2
    """  # noqa: S608 - our own names


_LATER = f"'{LATER}' || lane.name"

LOADS = f"""
    SELECT lane.name AS lane,
        least(due.count + let_in.count, $2) AS waiting, least(later.count + handed_back.count, $2) AS later,
        (SELECT count(*) FROM {QUEUE} WHERE status = 'picked' AND entrypoint = lane.name) AS running,
        (SELECT count(*) FROM {QUEUE} WHERE status = 'failed' AND entrypoint = lane.name) AS held,
        least(due.oldest, let_in.oldest) AS oldest
    FROM unnest($1::text[]) WITH ORDINALITY AS lane(name, place)
    CROSS JOIN LATERAL (SELECT count(*), min(execute_after) AS oldest FROM ({_queued("lane.name", "<= now()")}) job) due
    CROSS JOIN LATERAL (SELECT count(*), min(execute_after) AS oldest FROM ({_queued(_LATER, "<= now()")}) job) let_in
    CROSS JOIN LATERAL (SELECT count(*) FROM ({_queued(_LATER, "> now()")}) job) later
    CROSS JOIN LATERAL (SELECT count(*) FROM ({_queued("lane.name", "> now()")}) job) handed_back
    ORDER BY lane.place
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


async def loads(pool: asyncpg.Pool, *, at_most: int) -> Sequence[LaneLoad]:
    """Return how much there is to do in each lane, counting no further than `at_most`. Raises StorageFailed."""
    with storage_failures():
        rows = await pool.fetch(LOADS, [lane.name for lane in LANES], at_most)
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
