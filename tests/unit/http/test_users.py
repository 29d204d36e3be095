"""What a user of the application reaches: what is its own, what a rule shows it, and nothing else."""

from dataclasses import replace
from typing import Any

import httpx
import pytest

from credentials import bearer, by_user
from safelight.domain.image import State
from safelight.domain.kind import Kind, Kinds
from safelight.domain.tokens import Purpose
from safelight.domain.variant import cover
from safelight.http.api import api
from safelight.http.parts import Parts
from safelight.testing.fakes import UsersAtTheirWord
from safelight.testing.samples import audit_of

MISSING = "f" * 32

EVERY_CALL = ("GET ", "GET /events", "GET /variants/thumb", "POST /upload", "POST /confirm", "DELETE ")
VIEWS = EVERY_CALL[:3]
WRITES = EVERY_CALL[3:]

THUMB = {"thumb": cover(96, 96)}


@pytest.fixture
def parts(stage: Any, parts: Parts) -> Parts:
    """An API that knows users. A diary is for its owner alone, a poster for Mary's friend, too."""
    stage.kinds = Kinds(
        [
            Kind("diary", variants=THUMB, may_upload=lambda who, target: target is not None and target.id == who.id),
            Kind("poster", variants=THUMB, may_view=lambda who, image: (who.id, image.owner) == ("friend", "mary")),
        ]
    )
    return replace(parts, identities=UsersAtTheirWord(), rules=replace(parts.rules, kinds=stage.kinds))


async def an_image(stage: Any, state: State, number: int = 1, **more: Any) -> Any:
    return await stage.image_in(state, number, public=False, **more)


async def ask(call: httpx.AsyncClient, image_id: str, what: str, **more: Any) -> tuple[int, str]:
    method, path = what.split(" ")
    answer = await call.request(method, f"/v1/images/{image_id}{path}", **more)
    event_stream = answer.headers.get("content-type", "").startswith("text/event-stream")
    return answer.status_code, "" if event_stream or not answer.content else answer.json().get("code", "")


@pytest.mark.parametrize("what", EVERY_CALL)
@pytest.mark.parametrize("image", ["john's", "nobody's", "missing", "undeclared"])
async def test_a_foreign_image_is_as_one_that_does_not_exist(
    call: httpx.AsyncClient, stage: Any, what: str, image: str
):
    ids = {
        "john's": (await an_image(stage, State.READY, 1, kind="diary", owner="john")).id,
        "nobody's": (await an_image(stage, State.READY, 2, kind="poster", owner=None)).id,
        "undeclared": (await an_image(stage, State.READY, 3, kind="gone", owner="john")).id,
        "missing": MISSING,
    }

    answer = await ask(call, ids[image], what, headers=by_user("mary"))

    assert answer == (404, "image_not_found")


@pytest.mark.parametrize(
    ("what", "answer"),
    [
        ("GET ", (200, "")),
        ("GET /variants/thumb", (404, "image_not_ready")),
        ("POST /upload", (200, "")),
        ("POST /confirm", (409, "nothing_uploaded")),
        ("DELETE ", (204, "")),
    ],
)
async def test_the_owner_reaches_its_image(call: httpx.AsyncClient, stage: Any, what: str, answer: tuple[int, str]):
    image = await an_image(stage, State.REQUESTED, kind="diary", owner="mary")

    assert await ask(call, image.id, what, headers=by_user("mary")) == answer


@pytest.mark.parametrize("state", [State.READY, State.REJECTED, State.FAILED])
async def test_the_owner_may_cancel_until_it_is_final(call: httpx.AsyncClient, stage: Any, state: State):
    image = await an_image(stage, state, kind="diary", owner="mary")

    assert await ask(call, image.id, "DELETE ", headers=by_user("mary")) == (403, "not_allowed")
    assert (await stage.stored(image.id)).state is state


async def test_whom_a_rule_lets_sees_it_and_changes_nothing(call: httpx.AsyncClient, stage: Any):
    image = await an_image(stage, State.READY, kind="poster", owner="mary")

    seen = [await ask(call, image.id, what, headers=by_user("friend")) for what in VIEWS]
    changed = [await ask(call, image.id, what, headers=by_user("friend")) for what in WRITES]
    stranger = [await ask(call, image.id, what, headers=by_user("stranger")) for what in EVERY_CALL]

    assert seen == [(200, ""), (200, ""), (404, "image_not_ready")]
    assert changed == [(404, "image_not_found")] * 3
    assert stranger == [(404, "image_not_found")] * 6


async def test_a_user_uploads_what_a_rule_lets_it_upload_and_owns_it(call: httpx.AsyncClient, stage: Any):
    wanted = {"kind": "diary", "filename": "d.jpg", "size": 10, "attach": {"type": "user", "id": "mary"}}

    answer = await call.post("/v1/images", json=wanted, headers=by_user("mary"))
    for_another = await call.post("/v1/images", json=wanted, headers=by_user("john"))
    without_a_rule = await call.post("/v1/images", json=wanted | {"kind": "poster"}, headers=by_user("mary"))

    assert answer.status_code == 201
    assert (await stage.stored(answer.json()["id"])).owner == "mary"
    assert [one.json()["code"] for one in (for_another, without_a_rule)] == ["not_allowed"] * 2
    async with stage.records.reading() as snapshot:
        (event,) = await audit_of(answer.json()["id"], snapshot)
    assert event.actor == "user:mary"


async def test_a_user_acts_for_nobody_else_and_manages_nothing(call: httpx.AsyncClient, stage: Any):
    image = await an_image(stage, State.READY, kind="diary", owner="mary")
    wanted = {"kind": "diary", "filename": "d.jpg", "size": 10, "owner": "john"}

    answers = [
        await call.post("/v1/images", json=wanted, headers=by_user("mary")),
        await call.get("/v1/images", headers=by_user("mary")),
        await call.post(f"/v1/images/{image.id}/reprocess", headers=by_user("mary")),
    ]

    assert [(one.status_code, one.json()["code"]) for one in answers] == [(403, "not_allowed")] * 3


@pytest.mark.parametrize(
    ("credential", "answer"),
    [
        ("forged.mary.jwt", (401, "not_authenticated")),
        ("busy.mary.jwt", (503, "busy")),
        ("user.mary", (401, "not_authenticated")),
        ("user.mary.jwt.more", (401, "not_authenticated")),
        ("sl_user.mary.jwt", (401, "not_authenticated")),
        ("SL_user.mary.jwt", (401, "not_authenticated")),
        ("v1.user.mary", (403, "token_invalid")),
    ],
)
async def test_the_form_of_a_credential_says_what_it_is(
    call: httpx.AsyncClient, stage: Any, credential: str, answer: tuple[int, str]
):
    image = await an_image(stage, State.READY, kind="diary", owner="mary")

    assert await ask(call, image.id, "GET ", headers=bearer(credential)) == answer


async def test_no_jwt_may_stand_in_a_query(call: httpx.AsyncClient, stage: Any):
    image = await an_image(stage, State.READY, kind="diary", owner="mary")

    answer = await ask(call, image.id, "GET ", params={"read_token": "user.mary.jwt"})

    assert answer == (403, "token_invalid")


async def test_without_identities_no_jwt_is_taken(parts: Parts, stage: Any):
    image = await an_image(stage, State.READY, kind="diary", owner="mary")
    closed = api(replace(parts, identities=None), version="1.2.3")
    transport = httpx.ASGITransport(closed)  # type: ignore[arg-type]  # the same ASGI, said otherwise
    async with httpx.AsyncClient(transport=transport, base_url="https://api.example") as call:
        assert await ask(call, image.id, "GET ", headers=by_user("mary")) == (401, "not_authenticated")


def by_write_token(stage: Any, image: Any) -> dict[str, str]:
    return bearer(stage.tokens.image_token(Purpose.WRITE, image.id, image.token_generation))


@pytest.mark.parametrize("state", [State.READY, State.REJECTED, State.FAILED, State.EXPIRED, State.DELETED])
async def test_a_write_token_is_spent_when_the_image_is_final(call: httpx.AsyncClient, stage: Any, state: State):
    image = await an_image(stage, state, kind="diary")
    headers = by_write_token(stage, image)

    spent = [await ask(call, image.id, what, headers=headers) for what in ("GET ", "GET /events", "POST /upload")]
    spent.append(await ask(call, image.id, "DELETE ", headers=headers))

    assert spent == [(403, "token_spent")] * 4
    assert (await stage.stored(image.id)).state is state


@pytest.mark.parametrize(
    ("state", "answer"),
    [
        (State.UPLOADED, (202, "")),
        (State.PROCESSING, (202, "")),
        (State.HELD, (202, "")),
        (State.READY, (202, "")),
        (State.REJECTED, (202, "")),
        (State.FAILED, (202, "")),
        (State.EXPIRED, (410, "image_gone")),
        (State.DELETED, (410, "image_gone")),
    ],
)
async def test_a_client_whose_answer_was_lost_may_confirm_again(
    call: httpx.AsyncClient, stage: Any, state: State, answer: tuple[int, str]
):
    image = await an_image(stage, state, kind="diary")

    assert await ask(call, image.id, "POST /confirm", headers=by_write_token(stage, image)) == answer
    assert stage.queued() == []


@pytest.mark.parametrize("state", [State.REQUESTED, State.UPLOADED, State.PROCESSING, State.HELD])
async def test_until_then_it_cancels_and_looks(call: httpx.AsyncClient, stage: Any, state: State):
    image = await an_image(stage, state, kind="diary")
    headers = by_write_token(stage, image)

    assert await ask(call, image.id, "GET ", headers=headers) == (200, "")
    assert await ask(call, image.id, "DELETE ", headers=headers) == (204, "")
