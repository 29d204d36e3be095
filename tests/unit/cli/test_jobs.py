"""`safelight jobs`."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from click.testing import Result

from safelight.apps.beside import records_for
from safelight.domain.image import Ending, Image, ImageId, State
from safelight.domain.jobs import ProcessImage, PurgeImage
from safelight.ports.records import Changes
from safelight.settings import Settings
from safelight.testing.contracts.records import image_in

Run = Callable[..., Result]


@pytest.fixture
def add(data: Path) -> Callable[..., Image]:
    """Adds an image in a state; one that failed says why."""

    async def make(state: State, number: int) -> Image:
        async with records_for(Settings(data=data)) as records:
            if state is not State.FAILED:
                return await image_in(records, state, number)
            image = await image_in(records, State.PROCESSING, number)
            async with records.transaction() as tx:
                why = Changes(ending=Ending("storage_failed", "It is being looked into."))
                return await tx.move(image.id, was=State.PROCESSING, now=State.FAILED, changes=why)

    return lambda state, number=1: asyncio.run(make(state, number))


def state_of(image: Image, data: Path) -> State:
    async def read() -> State:
        async with records_for(Settings(data=data)) as records, records.reading() as snapshot:
            return (await snapshot.image(image.id)).state

    return asyncio.run(read())


def queue(url: str, statement: str, *values: Any) -> list[Any]:
    async def ask() -> list[Any]:
        connection = await asyncpg.connect(url)
        try:
            return list(await connection.fetch(statement, *values))
        finally:
            await connection.close()

    return asyncio.run(ask())


@pytest.fixture
def held(postgres_url: str, data: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """A held job on Postgres, by its number."""
    monkeypatch.setenv("SAFELIGHT_DATABASE_URL", postgres_url)

    async def enqueue() -> None:
        async with records_for(Settings(data=data)) as records, records.transaction() as tx:
            await tx.enqueue(PurgeImage(ImageId("1" * 32)))
            await tx.enqueue(ProcessImage(ImageId("2" * 32)))

    asyncio.run(enqueue())
    hold = "UPDATE safelight_pgqueuer SET status = 'failed', attempts = 6 WHERE entrypoint = 'purging' RETURNING id"
    (row,) = queue(postgres_url, hold)
    return int(row["id"])


@pytest.mark.usefixtures("either_database")
def test_the_list_says_what_the_records_say_of_images(run: Run, data: Path, add: Callable[..., Image]) -> None:
    add(State.UPLOADED, 1)
    add(State.PROCESSING, 2)
    failed = add(State.FAILED, 3)

    listed = run("jobs", "list", "--data", data)

    assert listed.exit_code == 0
    assert "Images: 1 uploaded, 1 processing, 1 failed; the oldest waits since" in listed.stdout
    assert f"failed  {failed.id}  avatar  storage_failed  1 tries" in listed.stdout
    assert "safelight jobs retry" in listed.stdout


@pytest.mark.usefixtures("either_database")
def test_a_failed_image_is_sent_round_again(run: Run, data: Path, add: Callable[..., Image]) -> None:
    failed, other = add(State.FAILED, 1), add(State.FAILED, 2)

    retried = run("jobs", "retry", failed.id, "--data", data)

    assert (retried.exit_code, retried.stdout) == (0, "Sent round again: 1 images, 0 held jobs.\n")
    assert state_of(failed, data) is State.UPLOADED
    assert state_of(other, data) is State.FAILED


@pytest.mark.usefixtures("either_database")
def test_all_that_failed_is_sent_round_again(run: Run, data: Path, add: Callable[..., Image]) -> None:
    images = [add(State.FAILED, number) for number in range(3)]

    retried = run("jobs", "retry", "--all", "--data", data)

    assert retried.stdout == "Sent round again: 3 images, 0 held jobs.\n"
    assert {state_of(image, data) for image in images} == {State.UPLOADED}


def test_an_image_that_is_not_failed_is_refused(run: Run, data: Path, add: Callable[..., Image]) -> None:
    image = add(State.READY)

    assert run("jobs", "retry", image.id, "--data", data).exit_code == 1
    assert state_of(image, data) is State.READY


@pytest.mark.parametrize("words", [[], ["--all", "1" * 32], ["neither"], ["1" * 19]])
def test_what_cannot_be_meant_is_refused(run: Run, data: Path, words: list[str]) -> None:
    assert run("jobs", "retry", *words, "--data", data).exit_code == 2


def test_the_list_says_what_the_queue_holds(run: Run, data: Path, held: int) -> None:
    listed = run("jobs", "list", "--data", data).stdout

    assert f"held  {held}  PurgeImage {'1' * 32}  ended 5 workers" in listed
    (rendering,) = [line.split() for line in listed.splitlines() if line.startswith("rendering")]
    (purging,) = [line.split() for line in listed.splitlines() if line.startswith("purging")]
    assert (rendering[1:5], purging[1:5]) == (["1", "0", "0", "0"], ["0", "0", "0", "1"])


def test_as_json_the_list_has_everything(run: Run, data: Path, held: int) -> None:
    listed = json.loads(run("jobs", "list", "--json", "--data", data).stdout)

    assert [lane["lane"] for lane in listed["lanes"]] == ["rendering", "purging", "webhooks", "upkeep"]
    assert [job["number"] for job in listed["held"]] == [held]
    assert listed["images"] == {"uploaded": 0, "processing": 0, "failed": 0}


def test_on_sqlite_the_list_has_no_queue(run: Run, data: Path) -> None:
    assert json.loads(run("jobs", "list", "--json", "--data", data).stdout)["lanes"] is None


@pytest.mark.parametrize("by_number", [True, False])
def test_a_held_job_is_queued_again(run: Run, data: Path, held: int, postgres_url: str, *, by_number: bool) -> None:
    retried = run("jobs", "retry", held if by_number else "--all", "--data", data)

    assert retried.stdout == "Sent round again: 0 images, 1 held jobs.\n"
    (row,) = queue(postgres_url, "SELECT status::text, attempts FROM safelight_pgqueuer WHERE id = $1", held)
    assert tuple(row) == ("queued", 0)


def test_a_job_that_is_not_held_is_said(run: Run, data: Path, held: int) -> None:
    retried = run("jobs", "retry", held + 1, "--data", data)

    assert retried.exit_code == 1
    assert f"Not held: {held + 1}." in retried.stdout
