"""How many transactions Postgres commits in a second, and how many where each sends a NOTIFY."""

import asyncio
import time

import asyncpg

CONNECTIONS = 8
SECONDS = 3.0
PLAIN = "UPDATE committed SET times = times + 1 WHERE who = $1"
NOTIFYING = (
    "WITH told AS (SELECT pg_notify('capacity', 'x')) UPDATE committed SET times = times + 1 FROM told WHERE who = $1"
)


async def commits_a_second(url: str, *, notifying: bool) -> float:
    """Return how many commits a second several connections reach together, each on a row of its own."""
    setting = await asyncpg.connect(url)
    await setting.execute("CREATE TABLE IF NOT EXISTS committed (who integer PRIMARY KEY, times bigint)")
    await setting.execute(
        "INSERT INTO committed SELECT n, 0 FROM generate_series(1, $1::integer) AS n ON CONFLICT DO NOTHING",
        CONNECTIONS,
    )
    statement = NOTIFYING if notifying else PLAIN
    until = time.monotonic() + SECONDS
    counts = await asyncio.gather(*(_commits(url, statement, who, until) for who in range(1, CONNECTIONS + 1)))
    await setting.close()
    return sum(counts) / SECONDS


async def _commits(url: str, statement: str, who: int, until: float) -> int:
    connection = await asyncpg.connect(url)
    count = 0
    while time.monotonic() < until:
        await connection.execute(statement, who)
        count += 1
    await connection.close()
    return count
