"""Runs the servers, takes images through them round by round, and puts together what was found."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import asyncpg

from safelight.adapters.queue.postgres import CONNECTIONS as OF_THE_QUEUE
from safelight.adapters.records.postgres import CONNECTIONS as OF_THE_RECORDS
from sizing.bulk import changes, count_rows_a_second, sizes
from sizing.costs import AUDIT, Costs, StepCost, Stored, TableSize, typical
from sizing.drive import Journey, client, idle_cost
from sizing.findings import Findings, this_machine
from sizing.fleet import Fleet, running
from sizing.photo import Photo
from sizing.probe import Probe
from sizing.serial import commits_a_second

WARM = 4
SHOWS = 10
SLOTS = 2
TOLD_AFTER_S = 12.0
"""Postgres tells of what a connection did when that has rested for so long."""

CONNECTIONS = OF_THE_RECORDS + OF_THE_QUEUE + 1
"""Of one process, with the one that listens."""

STORED = """
    SELECT avg(many), avg(sum) FROM (
        SELECT count(*) AS many, sum(rendition.bytes) AS sum FROM rendition JOIN image ON image.id = image_id
        WHERE filename = $1 GROUP BY image_id
    ) AS each
"""


async def measure(photos: Sequence[Photo], folder: Path, *, images: int, rounds: int) -> Findings:
    """Return what was found."""
    with running(folder, slots=SLOTS) as fleet:
        probe = await Probe.of(fleet)
        idle = await idle_cost(probe)
        found: dict[str, list[list[StepCost]]] = {photo.name: [] for photo in photos}
        async with client(fleet) as http:
            journeys = {photo.name: Journey(fleet, probe, http, photo, idle) for photo in photos}
            for journey in journeys.values():
                await journey.run(WARM, 1)
            for _ in range(rounds):
                for name, journey in journeys.items():
                    found[name].append(await journey.run(images, SHOWS))
        await probe.close()
        begun = len(photos) * 2 * (WARM + rounds * images)
        return await _left_behind(fleet, photos, found, begun, idle.statements)


async def _left_behind(
    fleet: Fleet, photos: Sequence[Photo], found: dict[str, list[list[StepCost]]], begun: int, idle_statements: float
) -> Findings:
    """Look at what is in the database by now, and put everything together."""
    connection = await asyncpg.connect(fleet.database_url)
    await asyncio.sleep(TOLD_AFTER_S)
    changed = await changes(connection, begun)
    stored = {photo.name: await _stored(connection, photo) for photo in photos}
    measured = await sizes(connection)
    counted = await count_rows_a_second(connection)
    version = str(await connection.fetchval("SHOW server_version"))
    await connection.close()
    url = fleet.postgres.url("postgres")
    return Findings(
        machine=this_machine(),
        postgres=f"Postgres {version.split(maxsplit=1)[0]}",
        costs=[_costs(photo, found[photo.name], measured, stored[photo.name]) for photo in photos],
        changes=changed,
        counted_s=counted,
        commits_s=await commits_a_second(url, notifying=False),
        notifying_s=await commits_a_second(url, notifying=True),
        idle_statements_s=idle_statements,
    )


def _costs(photo: Photo, rounds: Sequence[list[StepCost]], tables: Sequence[TableSize], stored: Stored) -> Costs:
    *steps, shown = (typical(steps) for steps in zip(*rounds, strict=True))
    events = next(table for table in tables if table.name == AUDIT)
    return Costs(
        file=photo.name,
        file_bytes=len(photo.content),
        steps=steps,
        shown=shown,
        tables=tables,
        event_bytes=events.bytes / events.rows,
        stored=stored,
        connections=CONNECTIONS,
    )


async def _stored(connection: asyncpg.Connection, photo: Photo) -> Stored:
    row = await connection.fetchrow(STORED, photo.name)
    return Stored(float(len(photo.content)), float(row[0]), float(row[1]))
