"""`safelight kinds`."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from safelight.adapters.system import SystemClock
from safelight.apps.beside import records_for
from safelight.apps.kinds import load_kinds
from safelight.settings import Settings
from safelight.upkeep.declare import declare_kinds

Run = Callable[..., Result]

pytestmark = pytest.mark.usefixtures("either_database")


@pytest.fixture
def kinds_file(tmp_path: Path) -> Callable[..., Path]:
    """Writes kinds files whose one kind has a thumb of that edge."""

    def write(edge: int) -> Path:
        path = tmp_path / f"kinds-{edge}.py"
        path.write_text(
            "from safelight import Kind, cover\n"
            f"avatar = Kind('avatar', variants={{'thumb': cover({edge}, {edge}), 'card': cover(400, 400)}})\n"
        )
        return path

    return write


def start_with(kinds: Path, data: Path) -> set[str]:
    """Do what a process does that starts with these kinds; return of which its file is older."""

    async def start() -> set[str]:
        async with records_for(Settings(data=data)) as records:
            return set(await declare_kinds(load_kinds(kinds), records=records, clock=SystemClock()))

    return asyncio.run(start())


def test_the_list_says_what_an_older_file_declares_otherwise(
    run: Run, data: Path, kinds_file: Callable[..., Path]
) -> None:
    old, new = kinds_file(96), kinds_file(128)
    for file in (old, new):
        start_with(file, data)

    listed = [
        run("kinds", "list", "--data", data, "--kinds", file).stdout.splitlines()[1].rstrip() for file in (old, new)
    ]

    assert listed[0].endswith("otherwise: thumb")
    assert listed[1].endswith("the same")


def test_an_older_file_is_adopted(run: Run, data: Path, kinds_file: Callable[..., Path]) -> None:
    old, new = kinds_file(96), kinds_file(128)
    for file in (old, new):
        start_with(file, data)

    adopted = run("kinds", "adopt", "--data", data, "--kinds", old)
    again = run("kinds", "adopt", "--data", data, "--kinds", old)

    assert adopted.stdout.splitlines() == ["As this file declares them, these kinds hold from now on: avatar"]
    assert "nothing to do" in again.stdout
    assert (start_with(old, data), start_with(new, data)) == (set(), {"avatar"})


def test_an_older_file_renders_nothing_again(run: Run, data: Path, kinds_file: Callable[..., Path]) -> None:
    old, new = kinds_file(96), kinds_file(128)
    for file in (old, new):
        start_with(file, data)

    refused = run("reprocess", "--kind", "avatar", "--data", data, "--kinds", old)

    assert refused.exit_code == 1
    assert "safelight kinds adopt" in refused.stderr


@pytest.mark.parametrize("words", [("kinds", "list"), ("kinds", "adopt"), ("reprocess", "--kind", "photo")])
def test_without_a_kinds_file_the_examples_are_declared_for_no_other_host(
    run: Run, data: Path, words: tuple[str, ...]
) -> None:
    shared = "SAFELIGHT_DATABASE_URL" in os.environ

    done = run(*words, "--data", data)

    assert done.exit_code == int(shared)
    assert ("SAFELIGHT_KINDS is not set" in done.stderr) == shared
