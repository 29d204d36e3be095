"""Reads how much everything has used so far, and takes the difference that a step made."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import parse_qsl, urlsplit

import asyncpg

from processes import cpu_seconds, own_cpu_seconds
from safelight.adapters.queue.schema import SETTINGS
from safelight.adapters.signals.postgres import CHANNEL
from sizing.costs import StepCost
from sizing.fleet import DATABASE, Fleet

MS = 1000
SEEN = re.compile(r'beast: .*"(?P<method>[A-Z]+) (?P<target>\S+) HTTP/1\.1" \d{3} .* latency=')
"""A request that the gateway of Ceph answered, in its log."""

STATEMENTS = """
    SELECT coalesce(sum(calls), 0) FROM pg_stat_statements AS seen JOIN pg_database AS known ON known.oid = seen.dbid
    WHERE known.datname = $1 AND query NOT LIKE '%of the probe%'
"""
READY = "SELECT /* of the probe */ count(*) FROM image WHERE state = 'ready'"


@dataclass(frozen=True, slots=True)
class Reading:
    """What was used since the servers started: seconds of CPU, and counts."""

    at: float
    api_s: float
    worker_s: float
    sandbox_s: float
    postgres_s: float
    statements: int
    commits: int
    wal_bytes: int
    notices: int
    s3: Counter[str] = field(default_factory=Counter)


class Probe:
    """Watches a fleet. Made by `Probe.of`; it asks from another database, so that its own questions do not count."""

    def __init__(self, fleet: Fleet, asking: asyncpg.Connection, hearing: asyncpg.Connection) -> None:
        self._fleet = fleet
        self._asking = asking
        self._hearing = hearing
        self._notices = 0

    @classmethod
    async def of(cls, fleet: Fleet) -> Self:
        """Connect."""
        asking = await asyncpg.connect(fleet.postgres.url("postgres"))
        await asking.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
        probe = cls(fleet, asking, await asyncpg.connect(fleet.database_url))
        for channel in (SETTINGS.channel, CHANNEL):
            await probe._hearing.add_listener(channel, probe._heard)
        return probe

    async def close(self) -> None:
        """Let go of the connections."""
        await self._asking.close()
        await self._hearing.close()

    async def read(self, at: float) -> Reading:
        """Return what was used so far."""
        fleet = self._fleet
        worker = own_cpu_seconds(fleet.worker.pid)
        return Reading(
            at=at,
            api_s=cpu_seconds(fleet.api.pid),
            worker_s=worker,
            sandbox_s=cpu_seconds(fleet.worker.pid) - worker,
            postgres_s=cpu_seconds(fleet.postgres.pid),
            statements=int(await self._asking.fetchval(STATEMENTS, DATABASE)),
            commits=int(await self._asking.fetchval("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint")),
            wal_bytes=int(await self._asking.fetchval("SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn")),
            notices=self._notices,
            s3=operations(fleet.ceph.log),
        )

    async def ready(self) -> int:
        """Return how many images are ready."""
        return int(await self._hearing.fetchval(READY))

    def _heard(self, *_: object) -> None:
        self._notices += 1


def operations(log: str) -> Counter[str]:
    """Count the requests in the gateway's log, by the names that S3 prices them under."""
    return Counter(operation(found["method"], found["target"]) for found in SEEN.finditer(log))


def operation(method: str, target: str) -> str:
    """Return what S3 calls a request; what the server itself copies is a PUT as well, at the same price."""
    is_list = method == "GET" and any(name == "list-type" for name, _ in parse_qsl(urlsplit(target).query))
    return "LIST" if is_list else method


def cost(name: str, before: Reading, after: Reading, images: int, idle: "Idle") -> StepCost:
    """Return what a step did for one image, less what happens meanwhile in any case."""
    seconds = after.at - before.at

    def each(field: str, rate: float = 0.0) -> float:
        used: float = getattr(after, field) - getattr(before, field)
        return max(0.0, (used - rate * seconds) / images)

    return StepCost(
        name,
        api_ms=each("api_s", idle.api) * MS,
        worker_ms=each("worker_s", idle.worker) * MS,
        sandbox_ms=each("sandbox_s") * MS,
        postgres_ms=each("postgres_s", idle.postgres) * MS,
        statements=each("statements", idle.statements),
        commits=each("commits"),
        wal_bytes=each("wal_bytes"),
        notices=each("notices"),
        s3=_per_image(after.s3 - before.s3, images),
    )


@dataclass(frozen=True, slots=True)
class Idle:
    """What is used in a second while nothing happens: seconds of CPU, and statements."""

    api: float = 0.0
    worker: float = 0.0
    postgres: float = 0.0
    statements: float = 0.0

    @classmethod
    def between(cls, before: Reading, after: Reading) -> Self:
        """Return what was used in a second between two readings."""
        seconds = after.at - before.at
        return cls(
            (after.api_s - before.api_s) / seconds,
            (after.worker_s - before.worker_s) / seconds,
            (after.postgres_s - before.postgres_s) / seconds,
            (after.statements - before.statements) / seconds,
        )


def _per_image(counted: Mapping[str, int], images: int) -> dict[str, float]:
    return {name: count / images for name, count in sorted(counted.items())}
