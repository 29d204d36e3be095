"""What a step costs on Postgres: as many round trips as it has statements, and two more for a transaction."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

import pytest

from safelight.adapters.records.outbox import after_commit
from safelight.adapters.records.postgres import open_postgres_records
from safelight.adapters.records.store import SqlRecords
from safelight.domain.image import State
from safelight.testing.fakes import NOW, RecordingJobs
from safelight.testing.samples import new_image

HEADER = 5
"""Bytes before each message of Postgres: its type, and its length without that."""

READY = b"Z"
"""The message that ends each round trip: the server is ready for the next query."""


class Wire:
    """Stands between a client and Postgres, and counts round trips."""

    def __init__(self, host: str, port: int) -> None:
        self._upstream = (host, port)
        self.trips = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass everything on, both ways, until either side ends."""
        from_server, to_server = await asyncio.open_connection(*self._upstream)
        ways = (self._out(reader, to_server), self._back(from_server, writer))
        try:
            await asyncio.gather(*ways)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
            to_server.close()

    async def _out(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while some := await reader.read(65_536):
            writer.write(some)
        writer.close()

    async def _back(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = await reader.readexactly(HEADER)
            writer.write(head + await reader.readexactly(int.from_bytes(head[1:]) - 4))
            self.trips += head[:1] == READY


@asynccontextmanager
async def counted(url: str) -> AsyncIterator[tuple[SqlRecords, Wire]]:
    """Open records whose round trips are counted; `sslmode=disable` saves the question whether to encrypt."""
    parts = urlsplit(url)
    wire = Wire(str(parts.hostname), parts.port or 5432)
    async with await asyncio.start_server(wire.serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        counted = parts._replace(
            netloc=f"{parts.netloc.rpartition('@')[0]}@127.0.0.1:{port}", query="sslmode=disable"
        ).geturl()
        async with open_postgres_records(counted, after_commit(RecordingJobs()), connections=1) as records:
            yield records, wire


@pytest.fixture
async def opened(postgres_url: str) -> AsyncIterator[tuple[SqlRecords, Wire]]:
    async with counted(postgres_url) as opened:
        yield opened


async def trips(wire: Wire, step: object) -> int:
    """Return how many round trips a step costs that was done before: its statements are prepared."""
    await step()  # type: ignore[operator]
    before = wire.trips
    await step()  # type: ignore[operator]
    return wire.trips - before


async def test_a_glance_is_one_round_trip(opened: tuple[SqlRecords, Wire]) -> None:
    records, wire = opened

    async def step() -> None:
        async with records.glance() as snapshot:
            await snapshot.owner("anna")

    assert await trips(wire, step) == 1


async def test_reading_one_moment_costs_two_more_than_its_queries(opened: tuple[SqlRecords, Wire]) -> None:
    records, wire = opened

    async def step() -> None:
        async with records.reading() as snapshot:
            await snapshot.owner("anna")
            await snapshot.attached(new_image().attached_to)  # type: ignore[arg-type]  # it is attached

    assert await trips(wire, step) == 2 + 2


async def test_a_block_that_touches_nothing_costs_nothing(opened: tuple[SqlRecords, Wire]) -> None:
    records, wire = opened

    async def step() -> None:
        async with records.transaction():
            pass

    assert await trips(wire, step) == 0


async def test_a_transaction_leaves_nothing_for_the_next_to_be_put_right(opened: tuple[SqlRecords, Wire]) -> None:
    records, wire = opened

    async def step() -> None:
        with suppress(KeyError):
            async with records.transaction() as tx:
                await tx.owners.block("anna", at=NOW)
                raise KeyError
        async with records.glance() as snapshot:
            assert (await snapshot.owner("anna")).blocked_at is None

    assert await trips(wire, step) == (1 + 3 + 1) + 1  # begun, three statements, rolled back; and the glance


async def test_a_move_and_what_it_gives_back_are_a_statement_each(opened: tuple[SqlRecords, Wire]) -> None:
    records, wire = opened
    async with records.transaction() as tx:
        images = [await tx.add(new_image(number)) for number in (1, 2)]
    waiting = iter(images)

    async def step() -> None:
        async with records.transaction() as tx:
            await tx.move(next(waiting).id, was=State.REQUESTED, now=State.UPLOADED)

    assert await trips(wire, step) == 2 + 2
