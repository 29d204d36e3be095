from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any

import pytest

from safelight_client import Attachment, Ending, Image, InvalidAnswer, Status, UnknownVariant

BASE = "https://img.example/v1/images/1/variants/hero"
DOCUMENT: dict[str, Any] = {
    "id": "0193b4c5d6e7f8091a2b3c4d5e6f7081",
    "kind": "banner",
    "status": "ready",
    "progress": 1,
    "public": False,
    "attached_to": {"type": "post", "id": "7"},
    "filename": "me.jpg",
    "content_type": "image/jpeg",
    "bytes": 4_167_727,
    "width": 4032,
    "height": 3024,
    "placeholder": "1QcSHQRnh493V4dIh4eXh1h4kJUI",
    "color": "#7a5b3c",
    "variants": {
        "hero": {
            "url": BASE,
            "renditions": [
                {
                    "format": fmt,
                    "width": width,
                    "height": width * 3 // 4,
                    "bytes": width,
                    "url": f"{BASE}?width={width}&format={fmt}",
                }
                for width in (960, 480)
                for fmt in ("avif", "jpeg", "webp")
            ],
        }
    },
    "error": None,
    "created_at": "2026-11-22T12:00:00Z",
    "ready_at": "2026-11-22T12:00:01.5+00:00",
}


class Tags(HTMLParser):
    """Reads HTML back as a browser would."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))


@pytest.fixture
def image() -> Image:
    return replace(Image.parse(DOCUMENT), read_token="v1.a.b.c&d")


def test_every_field_is_read() -> None:
    image = Image.parse(DOCUMENT)

    assert (image.id, image.kind, image.status, image.progress) == (DOCUMENT["id"], "banner", Status.READY, 1.0)
    assert (image.public, image.attached_to, image.filename) == (False, Attachment("post", "7"), "me.jpg")
    assert (image.content_type, image.bytes, image.width, image.height) == ("image/jpeg", 4_167_727, 4032, 3024)
    assert (image.placeholder, image.color) == (DOCUMENT["placeholder"], "#7a5b3c")
    assert image.created_at == datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
    assert image.ready_at == datetime(2026, 11, 22, 12, 0, 1, 500_000, tzinfo=UTC)
    assert (image.error, image.read_token, image.write_token) == (None, None, None)


def test_what_a_newer_server_adds_is_passed_over() -> None:
    assert Image.parse({**DOCUMENT, "rating": {"stars": 5}}) == Image.parse(DOCUMENT)


def test_an_image_that_has_just_been_requested_has_little_to_tell() -> None:
    image = Image.parse({"id": "1", "kind": "avatar", "status": "requested"})

    assert (image.progress, image.width, image.variants, image.is_final) == (0.0, None, {}, False)


def test_the_reason_of_a_rejection_is_read() -> None:
    error = {"code": "truncated", "message": "The end is missing.", "retryable": False}

    image = Image.parse({**DOCUMENT, "status": "rejected", "error": error})

    assert image.error == Ending("truncated", "The end is missing.", retryable=False)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", None),
        ("id", 5),
        ("kind", None),
        ("status", "odd"),
        ("progress", "all"),
        ("progress", True),
        ("public", "yes"),
        ("width", 1.5),
        ("width", True),
        ("variants", []),
        ("variants", {"hero": None}),
        ("variants", {"hero": {"url": BASE, "renditions": ["a"]}}),
        ("variants", {"hero": {"url": BASE, "renditions": [{"format": "jpeg"}]}}),
        ("error", "bad"),
        ("attached_to", {"type": "post"}),
        ("created_at", "yesterday"),
    ],
)
def test_a_field_of_the_wrong_type_is_an_invalid_answer(field: str, value: object) -> None:
    with pytest.raises(InvalidAnswer):
        Image.parse({**DOCUMENT, field: value})


@pytest.mark.parametrize("status", Status)
def test_only_what_changes_by_itself_is_not_final(status: Status) -> None:
    image = Image.parse({**DOCUMENT, "status": status.value})

    assert image.is_final is (status not in {Status.REQUESTED, Status.UPLOADED, Status.PROCESSING})


def test_tokens_are_not_shown_with_the_image(image: Image) -> None:
    shown = repr(replace(image, write_token="w-secret", read_token="r-secret"))

    assert "secret" not in shown


def test_the_plain_url_chooses_by_what_the_browser_accepts(image: Image) -> None:
    assert image.url("hero") == BASE


@pytest.mark.parametrize(
    ("wanted", "query"),
    [
        ({"format": "webp"}, "width=960&format=webp"),
        ({"width": 480}, "width=480&format=jpeg"),
        ({"width": 481}, "width=960&format=jpeg"),
        ({"width": 5000, "format": "avif"}, "width=960&format=avif"),
        ({"width": 1, "format": "avif"}, "width=480&format=avif"),
    ],
)
def test_a_file_is_the_narrowest_that_is_wide_enough(image: Image, wanted: dict[str, Any], query: str) -> None:
    assert image.url("hero", **wanted) == f"{BASE}?{query}"


def test_a_srcset_names_every_width_of_one_format(image: Image) -> None:
    expected = f"{BASE}?width=480&format=jpeg 480w, {BASE}?width=960&format=jpeg 960w"

    assert image.srcset("hero") == expected
    assert image.srcset("hero", format="webp") == expected.replace("jpeg", "webp")


@pytest.mark.parametrize("call", [Image.url, Image.srcset])
def test_an_unknown_variant_or_format_says_what_there_is(image: Image, call: Any) -> None:
    with pytest.raises(UnknownVariant, match="hero"):
        call(image, "thumb")
    with pytest.raises(UnknownVariant, match="avif"):
        call(image, "hero", format="png")


def test_the_read_token_is_added_to_protected_urls_when_asked_for(image: Image) -> None:
    assert image.url("hero", with_token=True) == f"{BASE}?read_token=v1.a.b.c%26d"
    assert image.url("hero", width=480, with_token=True).endswith("?width=480&format=jpeg&read_token=v1.a.b.c%26d")
    assert image.srcset("hero", with_token=True).count("&read_token=v1.a.b.c%26d ") == 2
    assert "read_token" not in image.picture("hero", alt="")


def test_public_urls_never_carry_a_token_since_it_would_spoil_the_cache(image: Image) -> None:
    assert replace(image, public=True).url("hero", with_token=True) == BASE


def test_a_token_that_is_not_known_cannot_be_added(image: Image) -> None:
    with pytest.raises(ValueError, match="read token"):
        replace(image, read_token=None).url("hero", with_token=True)


def test_a_picture_offers_the_best_format_first_and_one_that_everything_shows(image: Image) -> None:
    tags = Tags(image.picture("hero", alt="A cat", sizes="50vw")).seen

    assert [tag for tag, _ in tags] == ["picture", "source", "source", "img"]
    assert [attributes["type"] for _, attributes in tags[1:3]] == ["image/avif", "image/webp"]
    assert tags[1][1]["srcset"] == image.srcset("hero", format="avif")
    assert tags[1][1]["sizes"] == "50vw"
    assert tags[3][1] == {
        "src": f"{BASE}?width=960&format=jpeg",
        "srcset": image.srcset("hero"),
        "sizes": "50vw",
        "width": "960",
        "height": "720",
        "alt": "A cat",
        "loading": "lazy",
        "decoding": "async",
        "style": "background-color:#7a5b3c",
    }


@pytest.mark.parametrize(
    ("stored", "sources", "shown"),
    [("webp", [], "webp"), ("avif webp", ["avif"], "webp"), ("avif", [], "avif"), ("webp png", ["webp"], "png")],
)
def test_a_picture_makes_do_with_the_formats_that_there_are(stored: str, sources: list[str], shown: str) -> None:
    renditions = [one for one in DOCUMENT["variants"]["hero"]["renditions"] if one["format"] == "jpeg"]
    there = [{**one, "format": fmt, "url": f"/{fmt}"} for one in renditions for fmt in stored.split()]
    image = Image.parse({**DOCUMENT, "variants": {"hero": {"url": BASE, "renditions": there}}})

    tags = Tags(image.picture("hero", alt="")).seen

    assert [attributes["type"] for tag, attributes in tags if tag == "source"] == [f"image/{one}" for one in sources]
    assert tags[-1][1]["src"] == f"/{shown}"


def test_nothing_in_a_picture_can_break_out_of_its_attribute() -> None:
    evil = "\"><script>alert(1)</script>'"
    renditions = [{**one, "url": f"/a b,{evil}"} for one in DOCUMENT["variants"]["hero"]["renditions"]]
    hostile = {**DOCUMENT, "color": f"red{evil}", "variants": {"hero": {"url": evil, "renditions": renditions}}}

    tags = Tags(Image.parse(hostile).picture("hero", alt=evil, sizes=evil)).seen

    assert [tag for tag, _ in tags] == ["picture", "source", "source", "img"]
    assert tags[-1][1]["alt"] == evil
    assert "style" not in tags[-1][1]
    srcset = tags[-1][1]["srcset"] or ""
    assert (srcset.count(" "), srcset.count(",")) == (3, 1)


def test_templates_do_not_escape_a_picture_again(image: Image) -> None:
    picture = image.picture("hero", alt="", lazy=False)

    assert picture.__html__() == str(picture)
    assert "loading" not in picture


def test_a_variant_of_which_nothing_is_stored_has_nothing_to_show() -> None:
    image = Image.parse({**DOCUMENT, "variants": {"hero": {"url": BASE, "renditions": []}}})

    with pytest.raises(UnknownVariant):
        image.picture("hero", alt="")
