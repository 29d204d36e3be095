"""Images of a reviewed kind, from REQUEST to the verdict, against the real server."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from credentials import bearer
from safelight.testing.server import Server

KINDS = """
from safelight import Kind, cover

face = Kind("face", public=True, review="before", variants={"thumb": cover(96, 96)})
card = Kind("card", review="before", keep_original=False, variants={"thumb": cover(96, 96)})
"""


@pytest.fixture(scope="module")
def reviewing(tmp_path_factory: pytest.TempPathFactory, receiver: Any, call_as_application: Any) -> Iterator[Any]:
    """A caller of a server whose kinds are reviewed."""
    folder = tmp_path_factory.mktemp("reviewing")
    kinds = folder / "images.py"
    kinds.write_text(KINDS)
    settings = {
        "kinds": str(kinds),
        "min_free_bytes": "0",
        "webhook_url": receiver.url,
        "webhook_secret": "whsec_dGhlIHNlY3JldCBvZiB0aGUgdGVzdHMsIDMyIGJ5dGVz",
        "webhook_private": "true",
    }
    with Server(folder / "data", settings) as server, call_as_application(server) as api:
        yield api


def held(api: Any, file: bytes, kind: str = "face") -> dict[str, Any]:
    requested = api.uploaded(file, kind=kind)
    report = api.final(requested["id"])
    assert report["status"] == "held", report
    return report | {name: requested[name] for name in ("read_token", "write_token")}


def verdict(api: Any, image: dict[str, Any], word: str, **more: object) -> httpx.Response:
    answer: httpx.Response = api.http.post(f"/v1/images/{image['id']}/review", json={"verdict": word, **more})
    return answer


def kept(api: Any, image: dict[str, Any]) -> set[str]:
    """Return what lies in the store of an image, besides what came in."""
    root = api.server.data / "store/objects"
    return {
        f"{path.relative_to(root).parts[0]}/{path.name.partition('-')[0]}"
        for path in api.server.stored("objects")
        if path.parent.name == image["id"]
    }


def test_the_kind_says_that_it_is_reviewed(reviewing: Any):
    assert reviewing.http.get("/v1/kinds/face").json()["review"] == "before"


def test_nobody_but_the_application_sees_a_held_image(reviewing: Any, file: bytes):
    image = held(reviewing, file)
    path = f"{reviewing.server.url}/v1/images/{image['id']}"
    reader = bearer(image["read_token"])

    told = httpx.get(path, headers=reader).json()
    shown = [httpx.get(f"{path}/variants/thumb", headers=headers) for headers in ({}, reader)]
    to_application = reviewing.http.get(f"/v1/images/{image['id']}/variants/thumb", follow_redirects=True)

    assert (told["status"], told["variants"], told["placeholder"], told["public"]) == ("held", {}, None, False)
    assert [answer.status_code for answer in shown] == [401, 404]
    assert (to_application.status_code, to_application.headers["content-type"]) == (200, "image/jpeg")
    assert kept(reviewing, image) == {"private/thumb", "private/original"}


def test_what_waits_is_listed_with_its_variants(reviewing: Any, file: bytes):
    image = held(reviewing, file)

    queue = reviewing.http.get("/v1/images", params={"status": "held"}).json()["images"]

    assert "thumb" in next(one for one in queue if one["id"] == image["id"])["variants"]


def test_an_approved_image_is_public_and_the_application_is_told(
    reviewing: Any, receiver: Any, file: bytes, eventually: Any
):
    image = held(reviewing, file)

    approved = verdict(reviewing, image, "approve", reason="a face").json()

    assert (approved["status"], approved["public"]) == ("ready", True)
    (thumb, *_) = approved["variants"]["thumb"]["renditions"]
    assert httpx.get(thumb["url"]).status_code == 200
    assert kept(reviewing, image) == {"public/thumb", "private/original"}
    eventually(lambda: len(receiver.about(image["id"])) == 2)
    types = [json.loads(body)["type"] for _, body in receiver.about(image["id"])]
    assert types == ["image.held", "image.ready"]


def test_a_rejected_image_is_gone_and_says_so(reviewing: Any, file: bytes, eventually: Any):
    image = held(reviewing, file)

    rejected = verdict(reviewing, image, "reject", reason="not a face").json()

    assert (rejected["status"], rejected["error"]["code"]) == ("rejected", "rejected_in_review")
    assert "not a face" not in json.dumps(rejected)
    eventually(lambda: kept(reviewing, image) == set())


def test_the_same_verdict_again_is_fine_and_the_opposite_is_not(reviewing: Any, file: bytes):
    image = held(reviewing, file)

    answers = [verdict(reviewing, image, word) for word in ("approve", "approve", "reject")]

    assert [answer.status_code for answer in answers] == [200, 200, 409]
    assert answers[2].json()["code"] == "wrong_state"


def test_a_kind_that_keeps_no_original_keeps_renditions_alone(reviewing: Any, file: bytes):
    image = held(reviewing, file, kind="card")
    before = kept(reviewing, image)

    approved = verdict(reviewing, image, "approve").json()

    assert before == {"private/thumb"}
    assert (approved["status"], approved["public"]) == ("ready", False)
    assert kept(reviewing, image) == {"private/thumb"}


def test_a_held_image_is_neither_reprocessed_nor_switched(reviewing: Any, file: bytes):
    path = f"/v1/images/{held(reviewing, file)['id']}"

    answers = [
        reviewing.http.post(f"{path}/reprocess"),
        reviewing.http.put(f"{path}/visibility", json={"public": True}),
    ]

    assert [answer.json()["code"] for answer in answers] == ["wrong_state", "wrong_state"]


@pytest.mark.parametrize(
    "body", [{}, {"verdict": "maybe"}, {"verdict": "approve", "reason": "x" * 501}, {"verdict": "reject", "why": ""}]
)
def test_a_verdict_that_makes_no_sense_is_refused(reviewing: Any, file: bytes, body: dict[str, object]):
    image = reviewing.request(file, kind="face")

    answer = reviewing.http.post(f"/v1/images/{image['id']}/review", json=body)

    assert (answer.status_code, answer.json()["code"]) == (422, "request_invalid")
