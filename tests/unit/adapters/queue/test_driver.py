"""Statements go over connections that take them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import asyncpg
import pytest

from safelight.adapters.queue.driver import PoolDriver
from safelight.adapters.queue.wakes import Wakes


class Connection:
    """Answers, or has been told that Postgres goes: then it refuses to send anything."""

    def __init__(self, *, going: bool) -> None:
        self.going = going
        self.terminated = False

    async def fetch(self, query: str) -> list[dict[str, str]]:
        if self.going:
            raise asyncpg.InternalClientError("cannot switch to state 11; another operation (2) is in progress")
        return [{"asked": query}]

    def terminate(self) -> None:
        self.terminated = True


class Pool:
    """Lends its connections in their order."""

    def __init__(self, *connections: Connection) -> None:
        self._connections = connections

    def get_max_size(self) -> int:
        return len(self._connections)

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[Connection]:
        whole = [one for one in self._connections if not one.terminated]
        yield whole[0] if whole else self._connections[-1]


def driver(*connections: Connection) -> PoolDriver:
    return PoolDriver(cast("Any", Pool(*connections)), Wakes())


async def test_a_connection_that_is_going_is_dropped_and_the_next_has_its_turn() -> None:
    going, whole = Connection(going=True), Connection(going=False)

    answer = await driver(going, whole).fetch("SELECT 1")

    assert answer == [{"asked": "SELECT 1"}]
    assert (going.terminated, whole.terminated) == (True, False)


async def test_where_all_are_going_the_error_is_told() -> None:
    with pytest.raises(asyncpg.InternalClientError):
        await driver(Connection(going=True), Connection(going=True)).fetch("SELECT 1")
