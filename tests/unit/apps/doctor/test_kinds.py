"""The check of the kinds file."""

from collections.abc import Callable
from pathlib import Path

import pytest

from safelight.apps.doctor.finding import Level, Visit
from safelight.apps.doctor.kinds import kinds_file

MakeVisit = Callable[..., Visit]

SOUND = "from safelight import Kind, fit\na = Kind('avatar', variants={'small': fit(100)})\n"


def test_without_a_file_the_examples_are_named(visit: MakeVisit) -> None:
    (found,) = kinds_file(visit())

    assert found.level is Level.OK
    assert "examples" in found.seen


def test_a_sound_file_is_well(visit: MakeVisit, tmp_path: Path) -> None:
    (tmp_path / "kinds.py").write_text(SOUND)

    (found,) = kinds_file(visit(kinds=tmp_path / "kinds.py"))

    assert found.level is Level.OK
    assert found.seen.startswith("avatar (")


def test_a_missing_file_is_wrong(visit: MakeVisit, tmp_path: Path) -> None:
    (found,) = kinds_file(visit(kinds=tmp_path / "kinds.py"))

    assert found.level is Level.WRONG
    assert "there is no file" in found.seen
    assert "SAFELIGHT_KINDS" in found.cure


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        (SOUND + "b = Kind('b', variants={", "SyntaxError"),
        (SOUND.replace("fit(100)", "fit(0)"), "a size of 0 px"),
        (SOUND.replace("fit(100)", "crop(100)"), "NameError"),
        ("answer = 42\n", "declares no Kind"),
    ],
)
def test_a_file_that_cannot_be_used_is_wrong(visit: MakeVisit, tmp_path: Path, text: str, seen: str) -> None:
    (tmp_path / "kinds.py").write_text(text)

    (found,) = kinds_file(visit(kinds=tmp_path / "kinds.py"))

    assert found.level is Level.WRONG
    assert seen in found.seen
    assert "Mend what it names" in found.cure
