"""The connection that listens: whoever comes while it is being made hears as well."""

import asyncio
from collections.abc import Callable

import asyncpg
import pytest

from safelight.adapters.listener import ignore, open_postgres_listener


class SlowConnection:
    """Takes its time to listen: `asked` is put each channel, and `may_go_on` lets it go on."""

    def __init__(self) -> None:
        self.asked: asyncio.Queue[str] = asyncio.Queue()
        self.may_go_on = asyncio.Event()
        self.heard: dict[str, Callable[..., None]] = {}

    def add_termination_listener(self, _callback: object) -> None:
        """Never end."""

    async def add_listener(self, channel: str, callback: Callable[..., None]) -> None:
        self.asked.put_nowait(channel)
        await self.may_go_on.wait()
        self.heard[channel] = callback

    def terminate(self) -> None:
        """End at once."""


async def test_a_channel_that_comes_while_others_are_being_listened_to_is_heard_as_well(
    monkeypatch: pytest.MonkeyPatch,
):
    connection, may_connect, tries = SlowConnection(), asyncio.Event(), list[str]()

    async def connect(url: str, **_: object) -> SlowConnection:
        tries.append(url)
        if len(tries) == 1:
            raise OSError("not there yet")
        await may_connect.wait()
        return connection

    monkeypatch.setattr(asyncpg, "connect", connect)
    heard = list[str]()

    async with asyncio.timeout(5), open_postgres_listener("postgresql://nowhere") as listener:
        await listener.listen("early", heard.append, again=ignore)
        may_connect.set()
        assert await connection.asked.get() == "early"
        coming = asyncio.create_task(listener.listen("late", heard.append, again=ignore))
        await asyncio.sleep(0)
        connection.may_go_on.set()
        await coming
        assert await connection.asked.get() == "late"
        connection.heard["late"](connection, 1, "late", "news")

    assert heard == ["news"]
