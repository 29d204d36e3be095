"""Recipes are checked where they are written, and their fingerprints tell recipes apart."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safelight.domain.errors import KindInvalid
from safelight.domain.formats import OutputFormat
from safelight.domain.variant import MAX_EDGE_PX, Fit, Variant, cover, fit

EDGES = st.integers(1, MAX_EDGE_PX)
VARIANTS = st.one_of(
    st.builds(cover, EDGES, EDGES, formats=st.sampled_from(["webp jpeg", "webp", "png avif"])),
    st.builds(
        lambda widths, quality: fit(widths=widths, quality=quality),
        st.lists(EDGES, min_size=1, max_size=3),
        st.sampled_from([{}, {"webp": 1}, {"webp": 100}, {"jpeg": 50}]),
    ),
)


def test_cover_fills_one_box() -> None:
    variant = cover(400, 300)

    assert (variant.fit, variant.widths, variant.height) == (Fit.COVER, (400,), 300)


def test_fit_sorts_its_widths_and_keeps_each_once() -> None:
    assert fit(960, widths=[1600, 480, 960]).widths == (480, 960, 1600)


def test_formats_keep_the_order_of_preference() -> None:
    assert fit(480, formats="jpeg avif jpeg").formats == (OutputFormat.JPEG, OutputFormat.AVIF)


@pytest.mark.parametrize("size", [0, -1, MAX_EDGE_PX + 1])
def test_a_size_that_cannot_be_encoded_is_refused(size: int) -> None:
    for make in (lambda: cover(size, 1), lambda: cover(1, size), lambda: fit(size), lambda: fit(widths=[1, size])):
        with pytest.raises(KindInvalid):
            make()


@pytest.mark.parametrize(
    "wrong",
    [
        {"formats": "gif"},
        {"formats": ""},
        {"quality": {"webp": 0}},
        {"quality": {"webp": 101}},
        {"quality": {"png": 80}},
        {"quality": {"bmp": 80}},
        {"background": "white"},
        {"background": "#FFFFFF"},
        {"background": "#fff"},
        {"background": "#ffffff\n"},
    ],
)
def test_a_recipe_that_makes_no_sense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(KindInvalid):
        cover(96, 96, **wrong)  # type: ignore[arg-type]  # that is the point


def test_fit_needs_a_width() -> None:
    with pytest.raises(KindInvalid, match="width"):
        fit()


def test_a_fingerprint_never_changes_for_one_recipe() -> None:
    """Stored objects bear it in their keys: should this fail, RENDERING_VERSION was raised, or a key was lost."""
    assert cover(96, 96).fingerprint == "601207643374e661"


@given(one=VARIANTS, other=VARIANTS)
def test_two_recipes_have_one_fingerprint_only_if_they_are_one(one: Variant, other: Variant) -> None:
    assert (one.fingerprint == other.fingerprint) == (one == other)


@given(variant=VARIANTS)
def test_a_fingerprint_can_stand_in_a_key(variant: Variant) -> None:
    assert len(variant.fingerprint) == 16
    assert set(variant.fingerprint) <= set("0123456789abcdef")


def test_when_a_variant_is_rendered_is_no_part_of_its_fingerprint() -> None:
    assert cover(96, 96, lazy=True).fingerprint == cover(96, 96).fingerprint == "601207643374e661"
