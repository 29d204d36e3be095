"""Protected images: a read token, a signed URL that ends, and nothing for anybody else."""

from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

import httpx
import PIL.Image
import pytest

from credentials import bearer


@pytest.fixture(scope="module")
def secret(api_server: Any, file: bytes, call_as_application: Any) -> dict[str, Any]:
    """A ready protected image, with its tokens."""
    with call_as_application(api_server) as api:
        report: dict[str, Any] = api.ready(file, kind="private-photo")
        return report


def show(api: Any, image: dict[str, Any], **request: Any) -> httpx.Response:
    return httpx.get(f"{api.server.url}/v1/images/{image['id']}/variants/thumb", **request)


def test_the_report_names_stable_urls_only(api: Any, secret: dict[str, Any]):
    urls = [variant["url"] for variant in secret["variants"].values()]
    urls += [one["url"] for variant in secret["variants"].values() for one in variant["renditions"]]

    assert all(url.startswith(f"{api.server.url}/v1/images/{secret['id']}/variants/") for url in urls)
    assert not any("token" in url for url in urls)


def test_every_url_of_the_report_leads_to_exactly_what_it_says(secret: dict[str, Any]):
    for variant in secret["variants"].values():
        for one in variant["renditions"]:
            answer = httpx.get(one["url"], headers=bearer(secret["read_token"]), follow_redirects=True)
            image = PIL.Image.open(BytesIO(answer.content))

            assert (image.format, image.size) == (one["format"].upper(), (one["width"], one["height"]))
            assert answer.headers["cache-control"].startswith("private, max-age=")


@pytest.mark.parametrize("place", ["header", "query"])
def test_a_read_token_leads_to_a_signed_url(api: Any, secret: dict[str, Any], place: str):
    token = secret["read_token"]
    shown = {"headers": bearer(token)} if place == "header" else {"params": {"read_token": token}}

    redirect = show(api, secret, **shown)
    image = httpx.get(redirect.headers["location"])

    assert redirect.status_code == 302
    assert token not in redirect.headers["location"]
    assert (image.status_code, image.headers["content-type"]) == (200, "image/jpeg")
    assert image.headers["referrer-policy"] == "no-referrer"


def test_the_signed_url_is_the_same_for_everybody_within_its_time(api: Any, secret: dict[str, Any]):
    """The bucket is five minutes long: at most one change falls between these calls."""
    locations = {show(api, secret, headers=bearer(secret["read_token"])).headers["location"] for _ in range(5)}
    locations.add(show(api, secret, headers=bearer(api.server.key)).headers["location"])

    assert len(locations) <= 2


@pytest.mark.parametrize(
    ("spoil", "status", "code"),
    [
        (lambda url: url.partition("?")[0], 403, "token_invalid"),
        (lambda url: url[:-1] + ("A" if url[-1] != "A" else "B"), 403, "token_invalid"),
        (lambda url: url + "&token=x", 403, "token_invalid"),
        (lambda url: url.replace("thumb-", "large-"), 403, "token_invalid"),
        (lambda url: url.replace("/private/", "/public/"), 404, "image_not_found"),
    ],
    ids=["without", "altered", "twice", "of another", "made public"],
)
def test_a_signed_url_is_good_for_one_object_as_it_is(
    api: Any, secret: dict[str, Any], spoil: Any, status: int, code: str
):
    url = show(api, secret, headers=bearer(secret["read_token"])).headers["location"]

    answer = httpx.get(spoil(url))

    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_the_original_is_for_nobody(api: Any, secret: dict[str, Any]):
    url = urlsplit(show(api, secret, headers=bearer(secret["read_token"])).headers["location"])

    answer = httpx.get(f"{url.scheme}://{url.netloc}/private/{secret['id']}/original?{url.query}")

    assert (answer.status_code, answer.json()["code"]) == (403, "token_invalid")


def test_nobody_without_a_credential_sees_it_or_hears_whether_it_is_there(api: Any, secret: dict[str, Any]):
    there, not_there = show(api, secret), show(api, {"id": "0" * 32})

    assert (there.status_code, not_there.status_code) == (401, 401)
    assert there.json()["code"] == not_there.json()["code"]


def test_the_token_of_another_image_is_worth_nothing(api: Any, secret: dict[str, Any], file: bytes):
    other = api.request(file)

    answers = [show(api, secret, headers=bearer(other[name])) for name in ("read_token", "write_token")]

    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(404, "image_not_found")] * 2


@pytest.mark.parametrize(
    ("token", "status"),
    [("write_token", 403), ("sl_" + "0" * 32 + "_" + "x" * 32, 401), ("nonsense", 401)],
)
def test_what_is_no_read_token_shows_nothing(api: Any, secret: dict[str, Any], token: str, status: int):
    answer = show(api, secret, headers=bearer(secret.get(token, token)))

    assert answer.status_code == status


def test_the_application_sees_it_by_its_key(api: Any, secret: dict[str, Any]):
    assert show(api, secret, headers=bearer(api.server.key)).status_code == 302


def test_a_deleted_image_is_gone_for_its_own_token_too(api: Any, file: bytes, eventually: Any):
    image = api.ready(file, kind="private-photo")
    signed = show(api, image, headers=bearer(image["read_token"])).headers["location"]

    api.http.delete(f"/v1/images/{image['id']}")

    assert show(api, image, headers=bearer(image["read_token"])).status_code == 410
    eventually(lambda: httpx.get(signed).status_code == 404)
