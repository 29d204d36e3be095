"""Object keys: made from ids alone, and recognised only where we could have made them."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safelight.domain import keys
from safelight.domain.image import ImageId, Rendition

IMAGE = ImageId("0190aaaabbbbccccddddeeeeffff0123")
THUMB = Rendition(IMAGE, "thumb", "0123456789abcdef", "jpeg", 96, 96, 3000)


def test_what_we_make_we_know_again():
    made = [
        keys.incoming(IMAGE, datetime(2026, 11, 1, tzinfo=UTC), 1),
        keys.incoming(IMAGE, datetime(2026, 11, 1, tzinfo=UTC), 9999),
        keys.original(IMAGE),
        keys.rendition(THUMB, public=True),
        keys.rendition(THUMB, public=False),
    ]

    assert [keys.parse(key) for key in made] == made
    assert {keys.image_of(key) for key in made} == {IMAGE}


def test_a_rendition_is_named_by_recipe_width_and_format():
    assert keys.rendition(THUMB, public=True) == f"public/{IMAGE}/thumb-0123456789abcdef-96.jpg"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/",
        "../etc/passwd",
        f"private/{IMAGE}/../original",
        f"private/{IMAGE}/original/",
        f"private/{IMAGE}/original\n",
        f"/private/{IMAGE}/original",
        f"private//{IMAGE}/original",
        f"PRIVATE/{IMAGE}/original",
        f"private/{IMAGE.upper()}/original",
        f"private/{IMAGE}/original\0",
        f"incoming/20261101/{IMAGE}.0",
        f"incoming/20261101/{IMAGE}.10000",
        f"incoming/2026110/{IMAGE}.1",
        f"incoming/٢٠٢٦١١٠١/{IMAGE}.1",
        f"public/{IMAGE}/thumb-0123456789abcdef-96.svg",
        f"public/{IMAGE}/thumb-0123456789abcdef-٩٦.jpg",
        f"public/{IMAGE}/th.umb-0123456789abcdef-96.jpg",
    ],
)
def test_what_we_could_not_have_made_is_no_key(text: str):
    assert keys.parse(text) is None
    assert keys.image_of(text) is None


@given(st.text())
def test_no_other_text_is_a_key(text: str):
    key = keys.parse(text)

    assert key is None or (key.isascii() and ".." not in key and key.count("/") == 2)
