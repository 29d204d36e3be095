"""A kind's declaration is checked where it is written, and a kind is closed by default."""

from collections.abc import Callable
from typing import Any

import pytest

from safelight.domain.errors import KindInvalid, UnknownKind
from safelight.domain.formats import InputFormat
from safelight.domain.hooks import ClamAV, Webhook
from safelight.domain.kind import BYTE_UNITS, PIXEL_UNITS, Kind, Kinds, parse_quantity
from safelight.domain.variant import cover, fit

THUMB = {"thumb": cover(96, 96)}


def test_a_declaration_is_kept_in_numbers() -> None:
    kind = Kind("avatar", accept="png jpeg png", max_bytes="1.5MB", max_pixels="50MP", variants=THUMB)

    assert kind.accept == (InputFormat.PNG, InputFormat.JPEG)
    assert (kind.max_bytes, kind.max_pixels) == (1_500_000, 50_000_000)


def test_a_kind_is_private_and_closed_unless_it_says_otherwise() -> None:
    kind = Kind("avatar", variants=THUMB)

    assert (kind.public, kind.may_upload, kind.keep_original) == (False, None, True)


def test_variants_cannot_be_changed_afterwards() -> None:
    variants = dict(THUMB)
    kind = Kind("avatar", variants=variants)

    variants["more"] = cover(1, 1)

    assert dict(kind.variants) == THUMB


@pytest.mark.parametrize("name", ["", "Avatar", "a_b", "-a", "a-", "a--b", "1a", "a/b", "a.b", "ä", "a\n"])
def test_a_name_that_could_not_stand_in_a_url_is_refused(name: str) -> None:
    with pytest.raises(KindInvalid):
        Kind(name, variants=THUMB)
    with pytest.raises(KindInvalid):
        Kind("avatar", variants={name: cover(96, 96)})


@pytest.mark.parametrize(
    "wrong",
    [
        {"variants": {}},
        {"variants": {f"v{width}": cover(width, width) for width in range(1, 34)}},
        {"variants": THUMB, "accept": "bmp"},
        {"variants": THUMB, "accept": ""},
        {"variants": THUMB, "max_bytes": "10 potatoes"},
        {"variants": THUMB, "max_bytes": 0},
        {"variants": THUMB, "max_pixels": "10MB"},
        {"variants": THUMB, "max_frames": 0},
    ],
)
def test_a_declaration_that_makes_no_sense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(KindInvalid):
        Kind("avatar", **wrong)  # type: ignore[arg-type]  # that is the point


def test_as_many_renditions_as_allowed_are_allowed() -> None:
    Kind("avatar", variants={f"v{width}": cover(width, width) for width in range(1, 33)})


@pytest.mark.parametrize(
    ("declared", "accepted"),
    [
        ("image/jpeg", True),
        ("IMAGE/JPG; charset=binary", True),
        ("image/pjpeg", True),
        ("", True),
        ("application/octet-stream", True),
        ("image/gif", False),
        ("image/svg+xml", False),
        ("text/html", False),
        ("jpeg", False),
    ],
)
def test_a_declared_type_is_accepted_if_it_says_nothing_or_what_is_accepted(declared: str, accepted: bool) -> None:  # noqa: FBT001 - pytest passes it by name
    assert Kind("avatar", accept="jpeg", variants=THUMB).accepts(declared) is accepted


@pytest.mark.parametrize(
    ("text", "expected"), [("1B", 1), ("10 kB", 10_000), (" 2MiB ", 2 << 20), ("0.5GB", 500_000_000), (7, 7)]
)
def test_quantities_are_numbers_with_units(text: str | int, expected: int) -> None:
    assert parse_quantity(text, BYTE_UNITS) == expected


@pytest.mark.parametrize("text", ["", "10", "MB", "-1MB", "0MB", "1e3MB", "10mb", "1,5MB", -5, 0])
def test_what_is_no_quantity_is_refused(text: str | int) -> None:
    with pytest.raises(KindInvalid):
        parse_quantity(text, BYTE_UNITS)


def test_pixels_have_units_of_their_own() -> None:
    assert parse_quantity("50MP", PIXEL_UNITS) == 50_000_000


def test_two_kinds_of_one_name_are_refused() -> None:
    kind = Kind("avatar", variants=THUMB)

    with pytest.raises(KindInvalid, match="avatar"):
        Kinds([kind, kind])


def test_an_unknown_kind_is_refused_with_those_that_are_known() -> None:
    kinds = Kinds([Kind("banner", variants={"wide": fit(1200)}), Kind("avatar", variants=THUMB)])

    with pytest.raises(UnknownKind, match="avatar, banner"):
        kinds["poster"]

    assert "poster" not in kinds
    assert len(kinds) == 2


def test_lazy_variants_are_not_among_those_that_are_rendered_at_once() -> None:
    kind = Kind("avatar", variants={"thumb": cover(96, 96), "zoom": cover(900, 900, lazy=True)})

    assert list(kind.eager) == ["thumb"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"variants": {"zoom": cover(9, 9, lazy=True)}, "keep_original": False}, "lazy variants"),
        ({"rules": Webhook("https://app.example/rules"), "may_upload": lambda *_: True}, "rules=, which answers"),
        ({"rules": Webhook("https://app.example/rules"), "may_view": lambda *_: True}, "rules=, which answers"),
        ({"one_per_record": True, "at_most": 3}, "at most one"),
        ({"at_most": 0}, "must be 1 or more"),
        ({"review": "after"}, "review"),
        ({"scan": "clamav"}, "scan"),
        ({"scan": ClamAV}, "scan"),
    ],
)
def test_words_that_contradict_each_other_are_refused(words: dict[str, Any], said: str) -> None:
    with pytest.raises(KindInvalid, match=said):
        Kind("avatar", **{"variants": {"thumb": cover(96, 96)}} | words)


@pytest.mark.parametrize(("hook", "address"), [(Webhook, "app.example"), (ClamAV, "nowhere"), (ClamAV, ":3310")])
def test_a_hook_needs_an_address(hook: Callable[[str], object], address: str) -> None:
    with pytest.raises(KindInvalid, match=address):
        hook(address)
