"""Who may do what: by key, by token, or not at all."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from credentials import KEY, KEY_ID, SECRET, AddKey, bearer, keep_key
from safelight.domain import api_keys
from safelight.domain.image import State
from safelight.domain.tokens import Purpose
from safelight.domain.who import ApiKeyId, Scope
from safelight.testing.samples import audit_of

NOBODYS_IMAGE = "f" * 32

WANTED = {"kind": "avatar", "filename": "me.jpg", "size": 100, "content_type": "image/jpeg"}


def token(stage: Any, image: Any, purpose: Purpose, generation: int = 0) -> str:
    made: str = stage.tokens.image_token(purpose, image.id, image.token_generation + generation)
    return made


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/images"),
        ("GET", "/v1/images"),
        ("GET", f"/v1/images/{NOBODYS_IMAGE}"),
        ("DELETE", f"/v1/images/{NOBODYS_IMAGE}"),
        ("GET", f"/v1/images/{NOBODYS_IMAGE}/events"),
        ("POST", f"/v1/images/{NOBODYS_IMAGE}/upload"),
        ("POST", f"/v1/images/{NOBODYS_IMAGE}/confirm"),
        ("POST", f"/v1/images/{NOBODYS_IMAGE}/reprocess"),
        ("GET", f"/v1/images/{NOBODYS_IMAGE}/variants/thumb"),
    ],
)
async def test_nobody_gets_in_and_hears_how_to(call: httpx.AsyncClient, method: str, path: str):
    answer = await call.request(method, path, json=WANTED if path == "/v1/images" and method == "POST" else None)

    assert code(answer) == (401, "not_authenticated")
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["request_id"] == answer.headers["x-request-id"]


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_the_scheme_counts_in_any_case(call: httpx.AsyncClient, add_key: AddKey, scheme: str):
    await add_key()

    answer = await call.get("/v1/images", headers=bearer(KEY, scheme))

    assert answer.status_code == 200


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        "Basic c2w6c2w=",
        f"Token {KEY}",
        "Bearer sl_1_2",
        f"Bearer {api_keys.write(KEY_ID, 'x' * 32)}",
        f"Bearer {api_keys.write(ApiKeyId('b' * 32), SECRET)}",
        f"Bearer {KEY}x",
        f"Bearer {KEY} {KEY}",
        "Bearer eyJhbGciOiJub25lIn0.e30.",
        "Bearer \xe9\xe9\xe9",
    ],
)
async def test_what_is_no_credential_is_refused(call: httpx.AsyncClient, add_key: AddKey, header: str):
    await add_key()

    answer = await call.get("/v1/images", headers=[(b"authorization", header.encode("latin-1"))])

    assert code(answer) == (401, "not_authenticated")


async def test_a_revoked_key_opens_nothing(call: httpx.AsyncClient, add_key: AddKey, stage: Any):
    await add_key()
    async with stage.records.transaction() as tx:
        await tx.revoke_api_key(KEY_ID, at=stage.clock.now())

    answer = await call.get("/v1/images", headers=bearer(KEY))

    assert code(answer) == (401, "not_authenticated")


async def test_a_key_past_its_end_opens_nothing(call: httpx.AsyncClient, stage: Any):
    ends_at = stage.clock.now() + timedelta(hours=1)
    await keep_key(stage, expires_at=ends_at)
    before = await call.get("/v1/images", headers=bearer(KEY))

    stage.clock.advance(timedelta(hours=1))

    assert before.status_code == 200
    assert code(await call.get("/v1/images", headers=bearer(KEY))) == (401, "not_authenticated")


@pytest.mark.parametrize("scope", Scope)
async def test_a_key_may_do_what_its_scope_says_and_nothing_else(
    call: httpx.AsyncClient, add_key: AddKey, stage: Any, scope: Scope
):
    await add_key({scope})
    image = await stage.image_in(State.READY)
    calls = {
        Scope.UPLOAD: [
            call.build_request("POST", "/v1/images", json=WANTED),
            call.build_request("POST", f"/v1/images/{image.id}/confirm"),
        ],
        Scope.READ: [
            call.build_request("GET", "/v1/images"),
            call.build_request("GET", f"/v1/images/{image.id}"),
        ],
        Scope.MANAGE: [call.build_request("DELETE", f"/v1/images/{image.id}")],
    }

    for needed, requests in calls.items():
        for request in requests:
            request.headers.update(bearer(KEY))
            answer = await call.send(request)
            assert (answer.status_code == 403) == (needed is not scope), (needed, request.url)
            assert answer.is_success or answer.json()["code"] == "not_allowed"


async def test_a_key_may_act_for_a_user_by_naming_it(call: httpx.AsyncClient, add_key: AddKey, stage: Any):
    await add_key()

    answer = await call.post("/v1/images", json=WANTED | {"owner": "user-42"}, headers=bearer(KEY))

    image = await stage.stored(answer.json()["id"])
    async with stage.records.reading() as snapshot:
        (event,) = await audit_of(image.id, snapshot)
    assert image.owner == "user-42"
    assert event.actor == f"key:{KEY_ID} for user-42"
    assert (event.address, event.request_id) == ("127.0.0.1", answer.headers["x-request-id"])


async def test_a_key_hears_that_an_image_is_not_there(call: httpx.AsyncClient, add_key: AddKey):
    await add_key()

    answer = await call.get(f"/v1/images/{NOBODYS_IMAGE}", headers=bearer(KEY))

    assert code(answer) == (404, "image_not_found")


@pytest.mark.parametrize(
    ("purpose", "call_of", "status"),
    [
        (Purpose.READ, "GET ", 200),
        (Purpose.WRITE, "GET ", 200),
        (Purpose.READ, "POST /upload", 403),
        (Purpose.WRITE, "POST /upload", 200),
        (Purpose.READ, "POST /confirm", 403),
        (Purpose.WRITE, "POST /confirm", 409),
        (Purpose.READ, "DELETE ", 403),
        (Purpose.WRITE, "DELETE ", 204),
    ],
)
async def test_a_token_is_good_for_its_purpose_alone(
    call: httpx.AsyncClient, stage: Any, purpose: Purpose, call_of: str, status: int
):
    image = await stage.image_in(State.REQUESTED)
    method, path = call_of.split(" ")

    answer = await call.request(method, f"/v1/images/{image.id}{path}", headers=bearer(token(stage, image, purpose)))

    assert answer.status_code == status
    assert status != 403 or answer.json()["code"] == "token_invalid"


@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_a_token_stands_for_one_image_and_not_for_the_application(
    call: httpx.AsyncClient, stage: Any, method: str
):
    image = await stage.image_in(State.REQUESTED)

    answer = await call.request(method, "/v1/images", json=WANTED, headers=bearer(token(stage, image, Purpose.WRITE)))

    assert code(answer) == (401, "not_authenticated")


@pytest.mark.parametrize("purpose", [Purpose.READ, Purpose.WRITE])
async def test_the_token_of_one_image_does_not_even_tell_that_another_exists(
    call: httpx.AsyncClient, stage: Any, purpose: Purpose
):
    mine, other = [await stage.image_in(State.READY, number) for number in (1, 2)]
    headers = bearer(token(stage, mine, purpose))

    there = await call.get(f"/v1/images/{other.id}", headers=headers)
    not_there = await call.get(f"/v1/images/{NOBODYS_IMAGE}", headers=headers)

    assert code(there) == code(not_there) == (404, "image_not_found")


async def test_a_revoked_token_opens_nothing(call: httpx.AsyncClient, stage: Any):
    """Raising the generation of an image revokes its tokens: those of any other are not valid."""
    image = await stage.image_in(State.READY)

    answer = await call.get(f"/v1/images/{image.id}", headers=bearer(token(stage, image, Purpose.READ, -1)))

    assert code(answer) == (403, "token_invalid")


@pytest.mark.parametrize(
    "spoil", ["{}x", "x{}", "v1.a.{}", "v1.b.{image}.mac", "v1.a.{image}.", "v1", "v1...", "v1.\u00e9.{image}."]
)
async def test_an_altered_token_opens_nothing(call: httpx.AsyncClient, stage: Any, spoil: str):
    image = await stage.image_in(State.READY)
    spoilt = spoil.format(token(stage, image, Purpose.READ), image=image.id)

    answer = await call.get(f"/v1/images/{image.id}", params={"read_token": spoilt})

    assert code(answer) in {(403, "token_invalid"), (404, "image_not_found")}


async def test_a_read_token_may_stand_in_the_query_of_what_reads(call: httpx.AsyncClient, stage: Any):
    image = await stage.image_in(State.READY)
    query = {"read_token": token(stage, image, Purpose.READ)}

    checked = await call.get(f"/v1/images/{image.id}", params=query)
    followed = await call.get(f"/v1/images/{image.id}/events", params=query)

    assert (checked.status_code, followed.status_code) == (200, 200)


@pytest.mark.parametrize("query", ["read_token={0}&read_token={0}", "read_token=x&read_token={0}"])
async def test_a_query_has_one_read_token(call: httpx.AsyncClient, stage: Any, query: str):
    image = await stage.image_in(State.READY)

    answer = await call.get(f"/v1/images/{image.id}?{query.format(token(stage, image, Purpose.READ))}")

    assert code(answer) == (403, "token_invalid")


@pytest.mark.parametrize(("method", "path"), [("GET", ""), ("POST", "/confirm"), ("POST", "/upload"), ("DELETE", "")])
async def test_a_write_token_may_not_stand_in_a_query(call: httpx.AsyncClient, stage: Any, method: str, path: str):
    """Queries come to lie in logs and histories."""
    image = await stage.image_in(State.REQUESTED)
    query = {"read_token": token(stage, image, Purpose.WRITE)}

    answer = await call.request(method, f"/v1/images/{image.id}{path}", params=query)

    assert answer.status_code in {401, 403}
    assert (await stage.stored(image.id)).state is State.REQUESTED


async def test_a_header_counts_more_than_a_query(call: httpx.AsyncClient, stage: Any):
    image = await stage.image_in(State.READY)
    query = {"read_token": token(stage, image, Purpose.READ)}

    answer = await call.get(f"/v1/images/{image.id}", params=query, headers=bearer("sl_wrong"))

    assert code(answer) == (401, "not_authenticated")


async def test_answers_with_tokens_are_kept_nowhere(call: httpx.AsyncClient, add_key: AddKey):
    await add_key()

    answer = await call.post("/v1/images", json=WANTED, headers=bearer(KEY))

    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["location"].endswith(answer.json()["id"])
