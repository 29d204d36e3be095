"""One connection to Postgres that listens for NOTIFY, is watched, and is replaced when it is lost."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta

import asyncpg
import structlog

log = structlog.get_logger(__name__)

CHECK_EVERY = timedelta(seconds=5)
"""How often a connection on which nothing comes is asked whether it is there: a network may drop it without a word."""

ANSWER_WITHIN_S = 5.0
"""Time for Postgres to take a connection, or to answer on it."""

FIRST_WAIT_S = 0.1
LONGEST_WAIT_S = 5.0
"""Waits before a further try to connect: doubled each time."""

LOST = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
"""What is raised where a connection breaks off, or Postgres is not there."""


@dataclass(frozen=True, slots=True)
class Ear:
    """Who hears the payloads of a channel; `again` is called where some may have been missed."""

    heard: Callable[[str], None]
    again: Callable[[], None]


def ignore() -> None:
    """Count nothing."""


class PostgresListener:
    """Listens on behalf of others. Made by `open_postgres_listener`."""

    def __init__(self, url: str, *, check_every: timedelta, lost: Callable[[], None]) -> None:
        self._url = url
        self._check_every = check_every
        self._lost = lost
        self._ears: defaultdict[str, list[Ear]] = defaultdict(list)
        self._connection: asyncpg.Connection | None = None
        self._one_at_a_time = asyncio.Lock()
        self._tried = asyncio.Event()

    @property
    def backend(self) -> int | None:
        """The process id of the connection's backend; None where there is no connection."""
        return None if self._connection is None else self._connection.get_server_pid()

    async def listen(self, channel: str, heard: Callable[[str], None], *, again: Callable[[], None]) -> None:
        """Let `heard` have each payload of a channel from now on, and `again` know when some may have been missed.

        Where there is no connection at the moment, `again` is called as soon as there is one.
        """
        self._ears[channel].append(Ear(heard, again))
        async with self._one_at_a_time:
            if self._connection is not None:
                with suppress(*LOST):  # whoever watches the connection will see it
                    await self._connection.add_listener(channel, self._hear)

    async def notify(self, channel: str, payload: str) -> bool:
        """Send a payload; False where there is no connection, or it breaks off: it may have been sent then."""
        async with self._one_at_a_time:
            if self._connection is None:
                return False
            try:
                await self._connection.execute("SELECT pg_notify($1, $2)", channel, payload)
            except LOST as error:
                log.warning("notify_failed", channel=channel, reason=str(error) or type(error).__name__)
                self._connection.terminate()
                return False
        return True

    def cut_off(self) -> None:
        """End the connection at once, and whatever waits for an answer on it."""
        if self._connection is not None:
            self._connection.terminate()

    async def first_try(self) -> None:
        """Wait until Postgres was reached, or was not."""
        await self._tried.wait()

    async def keep(self) -> None:
        """Keep a connection until cancelled."""
        wait_s, had_one = FIRST_WAIT_S, False
        while True:
            try:
                async with self._connected() as gone:
                    if had_one:
                        log.info("listener_replaced", channels=[*self._ears])
                    wait_s, had_one = FIRST_WAIT_S, True
                    self._tell_all()
                    await self._watch(gone)
            except LOST as error:
                log.warning("listener_lost", reason=str(error) or type(error).__name__, again_in_seconds=wait_s)
                self._lost()
            self._tried.set()
            await asyncio.sleep(wait_s)
            wait_s = min(2 * wait_s, LONGEST_WAIT_S)

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[asyncio.Event]:
        """Connect, and listen on every channel; give the event that is set when the connection has ended."""
        gone = asyncio.Event()
        connection = await asyncpg.connect(self._url, timeout=ANSWER_WITHIN_S, command_timeout=ANSWER_WITHIN_S)
        try:
            connection.add_termination_listener(lambda _connection: gone.set())
            async with self._one_at_a_time:
                for channel in [*self._ears]:  # whoever listens to another meanwhile waits to add it
                    await connection.add_listener(channel, self._hear)
                self._connection = connection
            self._tried.set()
            yield gone
        finally:
            self._connection = None
            connection.terminate()

    async def _watch(self, gone: asyncio.Event) -> None:
        """Ask for an answer now and then. Raises one of LOST as soon as the connection has ended."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._check_every.total_seconds()):
                    await gone.wait()
                    raise ConnectionResetError("the connection was ended")
            async with self._one_at_a_time:
                if self._connection is not None:
                    await self._connection.execute("SELECT 1")

    def _hear(self, _connection: object, _pid: int, channel: str, payload: object) -> None:
        for ear in self._ears[channel]:
            ear.heard(str(payload))

    def _tell_all(self) -> None:
        """Say that something may have been missed while there was no connection."""
        for ears in self._ears.values():
            for ear in ears:
                ear.again()


@asynccontextmanager
async def open_postgres_listener(
    url: str, *, check_every: timedelta = CHECK_EVERY, lost: Callable[[], None] = ignore
) -> AsyncIterator[PostgresListener]:
    """Return a block in which a connection listens, and is replaced whenever it is lost; `lost` hears of that.

    The block begins when Postgres was tried once, whether or not it is there.
    """
    listener = PostgresListener(url, check_every=check_every, lost=lost)
    keeping = asyncio.create_task(listener.keep())
    try:
        await listener.first_try()
        yield listener
    finally:
        keeping.cancel()
        await asyncio.wait([keeping])
