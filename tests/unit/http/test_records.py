"""The application's records by HTTP: who may, what a path can say, and what is told."""

from collections.abc import Awaitable, Callable, Collection
from typing import Any

import httpx
import pytest

from credentials import bearer, keep_key
from safelight.domain.image import Attachment, Image, State
from safelight.domain.tokens import Purpose
from safelight.domain.who import Scope
from safelight.testing.samples import rendition

POST = Attachment("post", "7")
PLACE = "/v1/records/post/7/avatar"

Grant = Callable[[Collection[Scope]], Awaitable[None]]

Call = tuple[str, str, Scope]

CALLS: list[Call] = [
    ("PUT", PLACE, Scope.UPLOAD),
    ("GET", PLACE, Scope.READ),
    ("GET", "/v1/records/post/7", Scope.READ),
    ("DELETE", "/v1/records/post/7", Scope.MANAGE),
    ("DELETE", "/v1/owners/user-42", Scope.MANAGE),
]


@pytest.fixture
def grant(stage: Any, call: httpx.AsyncClient) -> Grant:
    """Makes a key with these scopes, which every call shows from then on."""

    async def make(scopes: Collection[Scope]) -> None:
        call.headers.update(bearer(await keep_key(stage, scopes)))

    return make


@pytest.fixture
async def application(call: httpx.AsyncClient, grant: Grant) -> httpx.AsyncClient:
    """The application's server, with every right."""
    await grant(frozenset(Scope))
    return call


async def free(stage: Any, number: int = 1, state: State = State.READY, **changes: object) -> Image:
    """Return an image that is attached to nothing."""
    image: Image = await stage.image_in(state, number, **{"attached_to": None, **changes})
    return image


def ids(answer: httpx.Response) -> tuple[list[str], list[str]]:
    """Return the ids of images and pending ones."""
    assert answer.status_code == 200, answer.text
    images, pending = ([one["id"] for one in answer.json()[name]] for name in ("images", "pending"))
    return images, pending


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


@pytest.mark.parametrize("asked", CALLS)
async def test_a_key_needs_the_scope_of_the_call(stage: Any, call: httpx.AsyncClient, grant: Grant, asked: Call):
    method, path, scope = asked
    image = await free(stage)
    await grant(frozenset(Scope) - {scope})

    answer = await call.request(method, path, json={"image_id": image.id})

    assert code(answer) == (403, "not_allowed")
    assert await stage.stored(image.id) == image


@pytest.mark.parametrize("asked", CALLS)
async def test_a_key_of_that_scope_alone_is_enough(stage: Any, call: httpx.AsyncClient, grant: Grant, asked: Call):
    method, path, scope = asked
    image = await free(stage)
    await grant([scope])

    answer = await call.request(method, path, json={"image_id": image.id} if method == "PUT" else None)

    assert answer.status_code == 200, answer.text


async def test_a_key_that_cannot_read_is_told_of_the_image_alone_that_it_attached(
    stage: Any, call: httpx.AsyncClient, grant: Grant
):
    for number, (state, public) in enumerate(((State.READY, False), (State.READY, True), (State.FAILED, False)), 2):
        await stage.image_in(state, number, attached_to=POST, public=public)
    image = await free(stage)
    await grant([Scope.UPLOAD])

    answer = await call.put(PLACE, json={"image_id": image.id})

    assert ids(answer) == ([image.id], [])


@pytest.mark.parametrize("asked", CALLS)
@pytest.mark.parametrize("purpose", [None, Purpose.READ, Purpose.WRITE])
async def test_nobody_and_no_token_of_an_image_may(
    stage: Any, call: httpx.AsyncClient, asked: Call, purpose: Purpose | None
):
    method, path, _ = asked
    image = await free(stage)
    shown = stage.tokens.image_token(purpose, image.id, 0) if purpose else None

    answer = await call.request(method, path, json={"image_id": image.id}, headers=bearer(shown) if shown else {})

    assert code(answer) == (401, "not_authenticated")
    assert await stage.stored(image.id) == image


async def test_an_image_is_attached_and_what_is_there_is_told_in_order(stage: Any, application: httpx.AsyncClient):
    first, second = await free(stage, 1), await free(stage, 2)
    waiting = await stage.image_in(State.PROCESSING, 3, attached_to=POST)
    async with stage.records.transaction() as tx:
        await tx.add_rendition(rendition(second.id), attempt=1)

    await application.put(PLACE, json={"image_id": first.id})
    answer = await application.put(PLACE, json={"image_id": second.id, "position": 0})

    assert ids(answer) == ([second.id, first.id], [waiting.id])
    assert answer.json()["images"][0]["attached_to"] == {"type": "post", "id": "7"}
    assert list(answer.json()["images"][0]["variants"]) == ["thumb"]
    assert (await application.get(PLACE)).json() == answer.json()


async def test_a_record_has_the_images_of_every_kind(stage: Any, application: httpx.AsyncClient):
    avatar = await stage.image_in(State.READY, 1, attached_to=POST)
    picture = await stage.image_in(State.READY, 2, attached_to=POST, kind="picture")
    failed = await stage.image_in(State.FAILED, 3, attached_to=POST, kind="picture")
    await stage.image_in(State.READY, 4, attached_to=Attachment("post", "8"))

    assert ids(await application.get("/v1/records/post/7")) == ([avatar.id, picture.id], [failed.id])
    assert ids(await application.get("/v1/records/post/7/picture")) == ([picture.id], [failed.id])
    assert ids(await application.get("/v1/records/post/9")) == ([], [])


async def test_the_application_sees_the_variants_of_a_held_image_at_a_record(
    stage: Any, application: httpx.AsyncClient
):
    held = await stage.image_in(State.PROCESSING, kind="reviewed", attached_to=POST, hidden=True)
    async with stage.records.transaction() as tx:
        await tx.add_rendition(rendition(held.id), attempt=1)
        await tx.move(held.id, was=State.PROCESSING, now=State.HELD)

    answer = await application.get("/v1/records/post/7")

    assert ids(answer) == ([], [held.id])
    assert list(answer.json()["pending"][0]["variants"]) == ["thumb"]


async def test_where_a_record_has_one_image_the_old_one_is_shown_until_the_new_one_is_ready(
    stage: Any, application: httpx.AsyncClient
):
    old = await stage.image_in(State.READY, 1, kind="portrait", attached_to=POST)
    new, later = [
        await free(stage, number, state, kind="portrait") for number, state in ((2, State.PROCESSING), (3, State.READY))
    ]

    pending = await application.put("/v1/records/post/7/portrait", json={"image_id": new.id})
    replaced = await application.put("/v1/records/post/7/portrait", json={"image_id": later.id})

    assert ids(pending) == ([old.id], [new.id])
    assert ids(replaced) == ([later.id], [new.id])
    assert (await stage.stored(old.id)).state is State.DELETED


async def test_of_several_from_before_a_kind_had_one_per_record_the_last_is_shown(
    stage: Any, application: httpx.AsyncClient
):
    images = [await stage.image_in(State.READY, number, kind="portrait", attached_to=POST) for number in (2, 1)]

    assert ids(await application.get("/v1/records/post/7")) == ([images[0].id], [])


@pytest.mark.parametrize(
    ("body", "path", "expected"),
    [
        ({}, PLACE, (422, "request_invalid")),
        ({"image_id": "../1"}, PLACE, (422, "request_invalid")),
        ({"image_id": "f" * 32, "position": -1}, PLACE, (422, "request_invalid")),
        ({"image_id": "f" * 32, "place": 1}, PLACE, (422, "request_invalid")),
        ({"image_id": "f" * 32}, PLACE, (404, "image_not_found")),
        ({"image_id": "f" * 32}, "/v1/records/post/7/unknown", (404, "unknown_kind")),
        ({"image_id": f"{1:032x}"}, "/v1/records/post/7/picture", (422, "kind_differs")),
        ({"image_id": f"{2:032x}"}, PLACE, (409, "wrong_state")),
        ({"image_id": f"{3:032x}"}, "/v1/records/post/8/picture", (422, "record_full")),
    ],
)
async def test_what_cannot_be_attached_is_refused(
    stage: Any, application: httpx.AsyncClient, body: dict[str, object], path: str, expected: tuple[int, str]
):
    await free(stage, 1)
    await free(stage, 2, State.REJECTED)
    await free(stage, 3, kind="picture")
    for number in range(4, 7):
        await stage.image_in(State.READY, number, kind="picture", attached_to=Attachment("post", "8"))

    assert code(await application.put(path, json=body)) == expected


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        ("a%2Fb", "a/b"),
        ("a%252Fb", "a%2Fb"),
        ("%2F", "/"),
        ("a%2Fb%2Favatar", "a/b/avatar"),
        ("h%C3%A4user%20%3F%23", "häuser ?#"),
        ("a+b", "a+b"),
        ("%2e%2e%2F", "../"),
        ("x" * 200, "x" * 200),
    ],
)
async def test_anything_can_stand_in_an_id(stage: Any, application: httpx.AsyncClient, sent: str, meant: str):
    image = await free(stage, owner=meant)
    target = Attachment("post", meant)

    put = await application.put(f"/v1/records/post/{sent}/avatar", json={"image_id": image.id})

    assert put.status_code == 200, put.text
    assert (await stage.stored(image.id)).attached_to == target
    assert ids(await application.get(f"/v1/records/post/{sent}")) == ([image.id], [])
    assert ids(await application.get(f"/v1/records/post/{sent}/avatar")) == ([image.id], [])
    assert (await application.delete(f"/v1/records/post/{sent}")).json()["images"] == 1
    assert (await application.delete(f"/v1/owners/{sent}")).json()["owner"] == meant


@pytest.mark.parametrize("sent", ["%00", "a%00b", "x" * 201, "%FF", "%C3"])
@pytest.mark.parametrize(
    "path", ["/v1/records/{}/7", "/v1/records/post/{}", "/v1/records/post/{}/avatar", "/v1/owners/{}"]
)
async def test_what_is_no_word_is_refused(application: httpx.AsyncClient, sent: str, path: str):
    method = "DELETE" if "owners" in path else "GET"

    assert code(await application.request(method, path.format(sent))) == (422, "request_invalid")


@pytest.mark.parametrize(
    "path", ["/v1/%72ecords/%E2%82%AC/7", "/v1/records%2Fpost/7", "/v1/%6Fwners/%E2%82%AC", "/v1/%72ecords/post/7"]
)
async def test_what_names_a_route_is_not_encoded(application: httpx.AsyncClient, path: str):
    """Else its parts would be decoded twice."""
    assert (await application.get(path)).status_code == 404


async def test_a_deleted_record_is_reported(stage: Any, application: httpx.AsyncClient):
    for number, kind in enumerate(("avatar", "picture")):
        await stage.image_in(State.READY, number, kind=kind, attached_to=POST, declared_bytes=100)

    answer = await application.delete("/v1/records/post/7")

    assert (answer.status_code, answer.json()) == (200, {"images": 2, "bytes": 200})
    assert ids(await application.get("/v1/records/post/7")) == ([], [])


async def test_an_erased_owner_is_reported_and_has_no_images(stage: Any, application: httpx.AsyncClient):
    await stage.image_in(State.READY, owner="user-42", declared_bytes=100)

    answer = await application.delete("/v1/owners/user-42")

    assert answer.status_code == 200
    assert answer.json() == {
        "owner": "user-42",
        "images": 1,
        "bytes": 100,
        "renditions": 0,
        "answers": 0,
        "audit_events": 2,
    }
    assert (await application.get("/v1/images", params={"owner": "user-42"})).json()["images"] == []
