"""The six steps over real HTTP, against a real server."""

import hashlib
from base64 import b64encode
from io import BytesIO
from typing import Any

import google_crc32c
import httpx
import PIL.Image
import pytest

from credentials import bearer

REPORT = {
    "id",
    "kind",
    "status",
    "progress",
    "public",
    "attached_to",
    "filename",
    "content_type",
    "bytes",
    "width",
    "height",
    "placeholder",
    "color",
    "variants",
    "error",
    "created_at",
    "ready_at",
}
"""The one shape of CHECK, events and webhooks."""


def test_the_six_steps_by_put_with_tokens_alone(api: Any, file: bytes):
    """1 with the API key; all that follows is what a browser does, which has none."""
    requested = api.request(file, attach={"type": "user", "id": "42"}, filename="../me.jpg")
    browser = httpx.Client(base_url=api.server.url)
    by_write_token = bearer(requested["write_token"])
    by_read_token = {"authorization": f"Bearer {requested['read_token']}", "prefer": "wait=20"}

    written = api.upload(requested["upload"], file)
    confirmed = browser.post(f"/v1/images/{requested['id']}/confirm", headers=by_write_token)
    checked = browser.get(f"/v1/images/{requested['id']}", headers=by_read_token, timeout=30)

    assert (requested["status"], requested["upload"]["method"], requested["upload"]["fields"]) == (
        "requested",
        "PUT",
        {},
    )
    assert (written.status_code, confirmed.status_code, checked.status_code) == (201, 202, 200)
    report = checked.json()
    assert set(report) == set(confirmed.json()) == REPORT
    assert (report["status"], report["progress"], report["error"], report["public"]) == ("ready", 1.0, None, True)
    assert (report["content_type"], report["bytes"]) == ("image/jpeg", len(file))
    assert (report["width"], report["height"], report["filename"]) == (640, 480, "me.jpg")
    assert report["attached_to"] == {"type": "user", "id": "42"}
    assert report["placeholder"]
    assert report["color"].startswith("#")
    assert "retry-after" not in checked.headers
    browser.close()


def test_every_rendition_is_an_image_of_the_size_and_format_it_says_and_tells_no_place(api: Any, file: bytes):
    report = api.ready(file)

    renditions = [one for variant in report["variants"].values() for one in variant["renditions"]]
    assert {name: len(variant["renditions"]) for name, variant in report["variants"].items()} == {
        "thumb": 2,
        "medium": 2,
        "large": 2,
    }
    for one in renditions:
        answer = httpx.get(one["url"])
        image = PIL.Image.open(BytesIO(answer.content))
        assert (image.format, image.size) == (one["format"].upper(), (one["width"], one["height"]))
        assert (len(answer.content), answer.headers["content-type"]) == (one["bytes"], f"image/{one['format']}")
        assert not image.getexif()
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"


def test_the_six_steps_by_post_form(api: Any, file: bytes):
    requested = api.request(file, transport="post")

    written = api.upload(requested["upload"], file)
    api.confirm(requested["id"])

    assert requested["upload"]["method"] == "POST"
    assert written.status_code == 201
    assert api.final(requested["id"])["status"] == "ready"


@pytest.mark.parametrize(
    ("algorithm", "digest"),
    [
        ("sha256", lambda content: hashlib.sha256(content).digest()),
        ("crc32c", lambda content: google_crc32c.value(content).to_bytes(4, "big")),
    ],
)
def test_a_promised_checksum_is_compared(api: Any, file: bytes, algorithm: str, digest: Any):
    checksum = {"algorithm": algorithm, "value": b64encode(digest(file)).decode()}
    right, wrong = api.request(file, checksum=checksum), api.request(file, checksum=checksum)

    taken = api.upload(right["upload"], file)
    refused = api.upload(wrong["upload"], file[:-1] + b"x")

    assert taken.status_code == 201
    assert (refused.status_code, refused.json()["code"]) == (422, "checksum_differs")


def test_a_type_that_says_nothing_passes_because_the_bytes_decide(api: Any, file: bytes):
    report = api.ready(file, content_type="application/octet-stream", filename="IMG_1.HEIC")

    assert report["content_type"] == "image/jpeg"


def test_a_fresh_url_leads_to_the_same_image(api: Any, file: bytes):
    requested = api.request(file)

    answer = api.http.post(f"/v1/images/{requested['id']}/upload", json={"transport": "post"})
    fresh = answer.json()["upload"]
    written = api.upload(fresh, file)
    confirmed = api.confirm(requested["id"], requested["write_token"])

    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    assert fresh["url"].partition("?")[0] != requested["upload"]["url"].partition("?")[0]
    assert (written.status_code, confirmed.status_code) == (201, 202)
    assert api.final(requested["id"])["status"] == "ready"


def test_a_fresh_url_needs_no_body(api: Any, file: bytes):
    requested = api.request(file)

    answer = api.http.post(f"/v1/images/{requested['id']}/upload")

    assert answer.json()["upload"]["transport"] == "put"


def test_the_bytes_of_an_earlier_url_count_too(api: Any, file: bytes):
    """Whoever asked for a fresh URL too soon has lost nothing."""
    requested = api.request(file)
    api.http.post(f"/v1/images/{requested['id']}/upload")

    api.upload(requested["upload"], file)
    confirmed = api.confirm(requested["id"])

    assert confirmed.status_code == 202
    assert api.final(requested["id"])["status"] == "ready"


def test_a_second_confirm_changes_nothing_even_when_the_image_is_ready(api: Any, file: bytes):
    report = api.ready(file)

    answer = api.confirm(report["id"], report["write_token"])

    assert answer.status_code == 202
    assert answer.json() == {name: report[name] for name in REPORT}


def test_a_file_can_be_larger_than_what_the_api_takes_as_a_body(api: Any, photo: Any):
    content = photo.read_bytes()

    report = api.ready(content)

    assert report["bytes"] == len(content) > 1_000_000
    assert report["variants"]["large"]["renditions"][-1]["width"] == 1600
