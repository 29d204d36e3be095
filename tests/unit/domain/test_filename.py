"""File names from outside: cleaned for showing."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safelight.domain import filename


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("me.jpg", "me.jpg"),
        ("C:\\fakepath\\me.jpg", "me.jpg"),
        ("../../etc/passwd", "passwd"),
        ("a\r\nSet-Cookie: x.jpg", "aSet-Cookie: x.jpg"),
        ("evil\u202egpj.exe", "evilgpj.exe"),
        ("\u200b\ufeffme\x00.jpg", "me.jpg"),
        ("Ka\u0308se.jpg", "K\u00e4se.jpg"),
        (" . ", "image"),
        ("", "image"),
        ("..", "image"),
        ("x" * 300 + ".jpeg", "x" * 250 + ".jpeg"),
        ("\u00e4" * 300 + ".jpg", "\u00e4" * 125 + ".jpg"),
        ("." + "x" * 300, "x" * 255),
    ],
)
def test_a_name_is_cleaned(name: str, shown: str):
    assert filename.clean(name) == shown


@given(st.text())
def test_a_shown_name_is_short_visible_and_one_part(name: str):
    shown = filename.clean(name)

    assert 1 <= len(shown.encode()) <= filename.MAX_BYTES
    assert not set(shown) & set("/\\")
    assert not {unicodedata.category(char) for char in shown} & filename.UNSHOWN
    assert shown.strip(" .") == shown or len(shown.encode()) > filename.MAX_BYTES - 4


@given(st.text())
def test_cleaning_twice_changes_nothing(name: str):
    assert filename.clean(filename.clean(name)) == filename.clean(name)
