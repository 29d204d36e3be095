"""A place leaves nothing behind: its row may name a person."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from safelight.domain.image import Attachment, State

POST = Attachment("post", "7")


def rows(folder: Path) -> list[tuple[str, str, str]]:
    with closing(sqlite3.connect(folder / "records.db")) as database:
        return database.execute("SELECT type, id, kind FROM place ORDER BY kind").fetchall()


async def locked(stage: Any, *kinds: str) -> None:
    async with stage.records.transaction() as tx:
        for kind in kinds:
            await tx.places.lock(POST, kind)


async def test_a_place_is_forgotten_when_the_last_image_at_it_is_purged(stage: Any, tmp_path: Path):
    first, last = [await stage.image_in(State.REJECTED, number, attached_to=POST) for number in (1, 2)]
    ready = await stage.image_in(State.READY, 3, attached_to=POST, kind="portrait")
    await locked(stage, "avatar", "portrait")

    async with stage.records.transaction() as tx:
        await tx.note_purged(first.id, at=stage.clock.now())

    assert rows(tmp_path) == [("post", "7", "portrait")]
    assert [(await stage.stored(one.id)).attached_to for one in (last, ready)] == [POST, POST]


@pytest.mark.parametrize("state", [State.REQUESTED, State.HELD, State.READY, State.FAILED])
async def test_a_place_at_which_something_is_stays(stage: Any, tmp_path: Path, state: State):
    await stage.image_in(state, attached_to=POST)
    await locked(stage, "avatar", "picture")

    async with stage.records.transaction() as tx:
        await tx.places.forget(POST)

    assert rows(tmp_path) == [("post", "7", "avatar")]
