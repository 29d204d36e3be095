"""What an owner uses and may use, over HTTP; and its blocks."""

from typing import Any
from urllib.parse import quote

import httpx
import pytest

from credentials import bearer, keep_key
from safelight.domain.image import State
from safelight.domain.tokens import Purpose
from safelight.domain.who import ApiKeyId, Scope

WANTED = {"kind": "avatar", "filename": "me.jpg", "size": 100, "content_type": "image/jpeg", "owner": "anna"}
LIMITS = {"requests_per_minute": 100, "open_uploads": 100, "images": 100, "bytes": 1_000_000_000}


@pytest.fixture
async def key(stage: Any) -> dict[str, str]:
    return bearer(await keep_key(stage))


async def test_an_owner_that_nobody_knows_uses_nothing(call: httpx.AsyncClient, key: dict[str, str]):
    answer = await call.get("/v1/owners/anna", headers=key)

    assert answer.status_code == 200
    assert answer.json() == {
        "id": "anna",
        "images": 0,
        "bytes": 0,
        "open_uploads": 0,
        "limits": LIMITS,
        "blocked_at": None,
    }


async def test_a_request_says_what_is_left_of_its_owners_rate(call: httpx.AsyncClient, key: dict[str, str]):
    first, second = [await call.post("/v1/images", json=WANTED, headers=key) for _ in range(2)]

    assert first.headers["ratelimit-policy"] == '"owner";q=100;w=60'
    assert [answer.headers["ratelimit"] for answer in (first, second)] == ['"owner";r=99;t=60', '"owner";r=98;t=60']
    used = (await call.get("/v1/owners/anna", headers=key)).json()
    assert (used["images"], used["bytes"], used["open_uploads"]) == (2, 200, 2)


async def test_a_request_for_nobody_has_no_rate(call: httpx.AsyncClient, key: dict[str, str]):
    answer = await call.post("/v1/images", json={**WANTED, "owner": None}, headers=key)

    assert answer.status_code == 201
    assert "ratelimit" not in answer.headers


async def test_a_refusal_for_the_rate_says_when_there_is_more(call: httpx.AsyncClient, key: dict[str, str]):
    for _ in range(LIMITS["requests_per_minute"]):
        answer = await call.post("/v1/images", json={**WANTED, "size": 1}, headers=key)
        await call.delete(f"/v1/images/{answer.json()['id']}", headers=key)

    refused = await call.post("/v1/images", json=WANTED, headers=key)

    assert refused.status_code == 429
    assert refused.headers["retry-after"] == "60"
    assert refused.headers["ratelimit"] == '"owner";r=0;t=60'
    assert refused.headers["ratelimit-policy"] == '"owner";q=100;w=60'
    said = refused.json()
    assert (said["code"], said["allowed"], said["retry_after"]) == ("too_many_requests", 100, 60)


async def test_a_refusal_for_the_quota_says_what_is_used_and_allowed(
    call: httpx.AsyncClient, key: dict[str, str], stage: Any
):
    for number in range(LIMITS["images"]):
        await stage.image_in(State.READY, number, owner="anna")
    async with stage.records.transaction() as tx:
        await tx.owners.recount("anna")

    refused = await call.post("/v1/images", json=WANTED, headers=key)

    assert refused.status_code == 422
    said = refused.json()
    facts = {name: said[name] for name in ("code", "what", "used", "allowed", "wanted")}
    assert facts == {"code": "quota_exceeded", "what": "images", "used": 100, "allowed": 100, "wanted": 1}


async def test_refusals_are_counted_by_their_reason(call: httpx.AsyncClient, key: dict[str, str]):
    await call.post("/v1/owners/anna/block", headers=key)
    await call.post("/v1/images", json=WANTED, headers=key)

    shown = (await call.get("/metrics", headers=key)).text

    assert 'safelight_steps_total{outcome="owner_blocked",step="request"} 1.0' in shown


async def test_a_block_stops_an_owner_and_its_end_lets_it_go_on(call: httpx.AsyncClient, key: dict[str, str]):
    made = (await call.post("/v1/images", json=WANTED, headers=key)).json()
    path, token = f"/v1/images/{made['id']}", bearer(made["write_token"])

    async def tries() -> list[int]:
        answers = [
            await call.post("/v1/images", json=WANTED, headers=key),
            await call.post(f"{path}/upload", headers=token),
            await call.post(f"{path}/confirm", headers=token),
            await call.delete(path, headers=token),
        ]
        return [answer.status_code for answer in answers]

    blocked = [await call.post("/v1/owners/anna/block", headers=key) for _ in range(2)]
    while_blocked = await tries()
    unblocked = await call.post("/v1/owners/anna/unblock", headers=key)

    assert [answer.status_code for answer in (*blocked, unblocked)] == [200] * 3
    assert blocked[0].json() == blocked[1].json()
    assert (blocked[0].json()["blocked_at"], unblocked.json()["blocked_at"]) == ("2026-11-01T12:00:00Z", None)
    assert while_blocked == [403] * 4
    assert await tries() == [201, 200, 409, 204]


async def test_what_is_ready_stays_visible_and_the_application_may_delete_it(
    call: httpx.AsyncClient, key: dict[str, str], stage: Any
):
    image = await stage.image_in(State.READY, owner="anna")
    token = stage.tokens.image_token(Purpose.READ, image.id, image.token_generation)
    await call.post("/v1/owners/anna/block", headers=key)

    seen = await call.get(f"/v1/images/{image.id}", headers=bearer(token))
    deleted = await call.delete(f"/v1/images/{image.id}", headers=key)

    assert (seen.status_code, seen.json()["status"], deleted.status_code) == (200, "ready", 204)


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/v1/owners/anna"), ("POST", "/v1/owners/anna/block"), ("POST", "/v1/owners/anna/unblock")],
)
async def test_owners_are_for_the_application_that_manages(call: httpx.AsyncClient, stage: Any, method: str, path: str):
    image = await stage.image_in(State.REQUESTED, owner="anna")
    token = stage.tokens.image_token(Purpose.WRITE, image.id, image.token_generation)
    lesser = bearer(await keep_key(stage, set(Scope) - {Scope.MANAGE}, key_id=ApiKeyId("b" * 32)))

    answers = [
        await call.request(method, path),
        await call.request(method, path, headers=bearer(token)),
        await call.request(method, path, headers=lesser),
    ]

    assert [answer.status_code for answer in answers] == [401, 401, 403]
    async with stage.records.reading() as snapshot:
        assert await snapshot.list_owners(after=None, limit=10) == []


@pytest.mark.parametrize("owner_id", ["a%00b", "x" * 201])
async def test_an_id_that_none_can_have_is_refused(call: httpx.AsyncClient, key: dict[str, str], owner_id: str):
    answer = await call.post(f"/v1/owners/{owner_id}/block", headers=key)

    assert (answer.status_code, answer.json()["code"]) == (422, "request_invalid")


@pytest.mark.parametrize(
    "owner_id", ["auth0|5f7c", "https://id.example/users/7", "j\u00fcrgen@example.org", "a b", "%"]
)
async def test_ids_are_the_applications_words(call: httpx.AsyncClient, key: dict[str, str], owner_id: str):
    await call.post("/v1/images", json={**WANTED, "owner": owner_id}, headers=key)

    answer = await call.get(f"/v1/owners/{quote(owner_id, safe='')}", headers=key)

    assert (answer.json()["id"], answer.json()["images"]) == (owner_id, 1)
