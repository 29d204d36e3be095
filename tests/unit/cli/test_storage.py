"""`safelight storage migrate`: what is told of the objects that were left behind."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from click.testing import Result

from safelight.adapters.disk.object_store import DiskObjectStore
from safelight.apps.move import Passed
from safelight.domain import keys
from safelight.domain.image import ImageId
from safelight.upkeep.move import Fate

Run = Callable[..., Result]


async def test_beside_the_wrong_records_it_fails_and_does_not_say_that_nothing_is_left(
    run: Run, data: Path, tmp_path: Path
) -> None:
    with ThreadPoolExecutor(1) as io:
        store = DiskObjectStore(data / "store", io=io)
        await store.put(keys.original(ImageId("f" * 32)), b"of other records", content_type="image/jpeg")

    moved = await asyncio.to_thread(run, "storage", "migrate", "--from", data, "--to", tmp_path / "new", "--data", data)

    assert moved.exit_code == 1
    assert "1 left behind: these records have no such images" in moved.stdout
    assert "Nothing is left" not in moved.stdout
    assert "probably not the right ones" in moved.stderr
    assert "SAFELIGHT_DATABASE_URL" in moved.stderr


@pytest.mark.parametrize("known", [Fate.COPIED, Fate.THERE, Fate.UNWANTED])
def test_the_records_of_one_object_are_the_right_ones(known: Fate) -> None:
    passed = Passed()
    passed.fates.update({Fate.UNKNOWN: 7, known: 1})

    assert passed.is_whole
    assert not passed.is_of_other_records


def test_an_empty_store_is_of_no_other_records() -> None:
    assert Passed().is_whole
