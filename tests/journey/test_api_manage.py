"""List, delete and reprocess."""

from typing import Any

import httpx
import pytest

from credentials import bearer


@pytest.fixture
def gallery(api: Any, file: bytes, request: pytest.FixtureRequest) -> list[str]:
    """Seven requested images for an owner of this test alone, oldest first."""
    owner = request.node.name
    return [
        api.request(file, owner=owner, attach={"type": "album", "id": f"{owner}-{number % 2}"})["id"]
        for number in range(7)
    ]


def listed(api: Any, **query: object) -> list[str]:
    """Return the ids of one page."""
    answer = api.http.get("/v1/images", params=query)
    assert answer.status_code == 200, answer.text
    return [image["id"] for image in answer.json()["images"]]


def test_pages_follow_each_other_newest_first(api: Any, gallery: list[str], request: pytest.FixtureRequest):
    query: dict[str, Any] = {"owner": request.node.name, "limit": 3}
    pages = []

    while query.get("after", "begin"):
        page = api.http.get("/v1/images", params=query).json()
        pages.append([image["id"] for image in page["images"]])
        query["after"] = page["next"]

    assert [len(page) for page in pages] == [3, 3, 1]
    assert [one for page in pages for one in page] == gallery[::-1]


def test_a_page_is_no_longer_than_the_server_lets_it_be(api: Any, gallery: list[str], request: pytest.FixtureRequest):
    assert listed(api, owner=request.node.name, limit=10_000) == gallery[:-6:-1]


def test_filters_restrict(api: Any, gallery: list[str], request: pytest.FixtureRequest):
    owner = request.node.name
    api.http.delete(f"/v1/images/{gallery[0]}")

    assert listed(api, owner=owner, status="deleted") == gallery[:1]
    assert listed(api, attached_type="album", attached_id=f"{owner}-1") == gallery[1::2][::-1]
    assert listed(api, owner=owner, kind="private-photo") == []
    assert listed(api, owner="somebody else") == []


@pytest.mark.parametrize(
    "query",
    [
        {"status": "lost"},
        {"limit": 0},
        {"limit": "many"},
        {"after": "x"},
        {"after": "F" * 32},
        {"attached_type": "album"},
        {"attached_id": "1"},
        {"attached_type": "", "attached_id": "1"},
    ],
    ids=str,
)
def test_a_filter_that_makes_no_sense_is_refused_and_not_passed_over(api: Any, query: dict[str, object]):
    answer = api.http.get("/v1/images", params=query)

    assert (answer.status_code, answer.json()["code"]) == (422, "request_invalid")
    assert next(iter(query)) in answer.json()["detail"]


def test_a_deleted_image_is_hidden_at_once_and_its_bytes_go(api: Any, file: bytes, eventually: Any):
    report = api.ready(file)
    url = report["variants"]["thumb"]["renditions"][0]["url"]
    path = f"/v1/images/{report['id']}"

    deleted = api.http.delete(path)

    assert (deleted.status_code, deleted.content) == (204, b"")
    assert api.http.get(path).json()["status"] == "deleted"
    assert api.http.get(path).json()["variants"] == {}
    assert api.http.get(f"{path}/variants/thumb").json()["code"] == "image_gone"
    eventually(lambda: httpx.get(url).status_code == 404)


def test_an_image_is_deleted_once(api: Any, file: bytes):
    requested = api.request(file)

    answers = [api.http.delete(f"/v1/images/{requested['id']}") for _ in range(2)]

    assert [answer.status_code for answer in answers] == [204, 410]


def test_a_write_token_cancels_an_upload_and_what_was_cancelled_cannot_be_confirmed(api: Any, file: bytes):
    requested = api.request(file)
    api.upload(requested["upload"], file)
    token = bearer(requested["write_token"])

    cancelled = httpx.delete(f"{api.server.url}/v1/images/{requested['id']}", headers=token)
    confirmed = api.confirm(requested["id"])
    resigned = api.http.post(f"/v1/images/{requested['id']}/upload")

    assert cancelled.status_code == 204
    assert (confirmed.status_code, confirmed.json()["code"]) == (410, "image_gone")
    assert (resigned.status_code, resigned.json()["code"]) == (410, "image_gone")


def test_a_write_token_does_nothing_to_an_image_that_is_ready(api: Any, file: bytes):
    report = api.ready(file)
    token = bearer(report["write_token"])

    deleted = httpx.delete(f"{api.server.url}/v1/images/{report['id']}", headers=token)
    resigned = httpx.post(f"{api.server.url}/v1/images/{report['id']}/upload", headers=token)

    assert [answer.json()["code"] for answer in (deleted, resigned)] == ["token_spent", "token_spent"]
    assert api.http.get(f"/v1/images/{report['id']}").json()["status"] == "ready"


def test_a_ready_image_can_be_reprocessed_and_stays_ready(api: Any, file: bytes):
    report = api.ready(file)

    answer = api.http.post(f"/v1/images/{report['id']}/reprocess")

    assert (answer.status_code, answer.json()["status"]) == (202, "ready")
    assert answer.json()["variants"] == report["variants"]


def test_nothing_else_can_be_reprocessed(api: Any, file: bytes):
    requested = api.request(file)

    answer = api.http.post(f"/v1/images/{requested['id']}/reprocess")

    assert (answer.status_code, answer.json()["code"]) == (409, "wrong_state")
