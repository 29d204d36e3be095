"""The kinds file: errors name the file, the line and the kind."""

from pathlib import Path

import pytest

from safelight.apps.kinds import EXAMPLES, KindsForgotten, kinds_for, load_kinds, remember_kinds
from safelight.domain.errors import KindInvalid

HEAD = "from safelight import Kind, fit\n\n"


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a = Kind('a', max_bytes='10XB', variants={'s': fit(9)})", 3, "kind 'a': '10XB'"),
        ("a = Kind('a', accept='bmp', variants={'s': fit(9)})", 3, "kind 'a': formats"),
        ("a = Kind('a', variants={'s': 9})", 3, "variant 's' of kind 'a' must be"),
        ("\na = Kind('a', variants={'s': fit(0)})", 4, "a size of 0 px"),
        ("def make():\n    return crop(1)\na = make()", 4, "NameError: name 'crop'"),
        ("a = Kind('a', variants={", 3, "SyntaxError: '{' was never closed"),
    ],
)
def test_what_goes_wrong_is_told_with_its_line(tmp_path: Path, text: str, line: int, words: str) -> None:
    file = tmp_path / "images.py"
    file.write_text(HEAD + text)

    with pytest.raises(KindInvalid) as raised:
        load_kinds(file)

    assert raised.value.reason.startswith(f"{file}, line {line}: ")
    assert words in raised.value.reason


def test_two_kinds_of_one_name_are_told_with_the_file(tmp_path: Path) -> None:
    file = tmp_path / "images.py"
    file.write_text(HEAD + "a = Kind('a', variants={'s': fit(9)})\nb = Kind('a', variants={'s': fit(9)})\n")

    with pytest.raises(KindInvalid, match="two kinds named 'a'"):
        load_kinds(file)


def test_a_folder_is_told_as_such(tmp_path: Path) -> None:
    with pytest.raises(KindInvalid, match="is a folder"):
        load_kinds(tmp_path)


def test_a_folder_that_was_served_with_a_kinds_file_is_not_served_with_the_examples(tmp_path: Path) -> None:
    kinds = tmp_path / "images.py"
    kinds.write_text(f"{HEAD}avatar = Kind('avatar', variants={{'s': fit(9)}})")
    remember_kinds(tmp_path, kinds)

    with pytest.raises(KindsForgotten, match=f"--kinds {kinds}"):
        kinds_for(tmp_path, None)

    assert list(kinds_for(tmp_path, kinds)) == ["avatar"]


def test_a_folder_that_never_was_is(tmp_path: Path) -> None:
    remember_kinds(tmp_path, None)

    assert kinds_for(tmp_path, None) is EXAMPLES
