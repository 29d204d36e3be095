"""Tokens given again and revoked: by the application's keys, by users whose image it is, and by no token."""

from dataclasses import replace
from typing import Any

import httpx
import pytest

from credentials import KEY, AddKey, bearer, by_user
from safelight.domain.events import Action
from safelight.domain.image import State
from safelight.domain.kind import Kind, Kinds
from safelight.domain.tokens import Purpose
from safelight.domain.variant import fit
from safelight.domain.who import Scope
from safelight.http.parts import Parts
from safelight.testing.fakes import UsersAtTheirWord


@pytest.fixture
def parts(parts: Parts) -> Parts:
    """An API with users, of whom a friend may view what is protected."""
    kind = Kind("passport", variants={"page": fit(800)}, may_view=lambda who, _image: who.id == "friend")
    return replace(parts, identities=UsersAtTheirWord(), rules=replace(parts.rules, kinds=Kinds([kind])))


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


async def test_a_key_gets_a_read_token_that_shows_the_image(call: httpx.AsyncClient, add_key: AddKey, stage: Any):
    await add_key({Scope.READ})
    image = await stage.image_in(State.READY, kind="passport", public=False)

    given = await call.post(f"/v1/images/{image.id}/tokens", headers=bearer(KEY))

    assert given.status_code == 200
    assert list(given.json()) == ["read_token"]
    assert given.headers["cache-control"] == "no-store"
    seen = await call.get(f"/v1/images/{image.id}", headers=bearer(given.json()["read_token"]))
    assert seen.status_code == 200


async def test_after_a_revocation_the_old_token_is_refused_and_a_new_one_is_given(
    call: httpx.AsyncClient, add_key: AddKey, stage: Any
):
    await add_key({Scope.READ, Scope.MANAGE})
    image = await stage.image_in(State.READY)
    path = f"/v1/images/{image.id}"
    old = (await call.post(f"{path}/tokens", headers=bearer(KEY))).json()["read_token"]

    revoked = await call.delete(f"{path}/tokens", headers=bearer(KEY))
    new = (await call.post(f"{path}/tokens", headers=bearer(KEY))).json()["read_token"]

    assert (revoked.status_code, revoked.content) == (204, b"")
    assert code(await call.get(path, headers=bearer(old))) == (403, "token_invalid")
    assert (await call.get(path, headers=bearer(new))).status_code == 200
    assert await stage.actions(image.id) == [Action.TOKENS_GIVEN, Action.TOKENS_REVOKED, Action.TOKENS_GIVEN]


@pytest.mark.parametrize("scope", Scope)
async def test_each_needs_a_scope_of_its_own(call: httpx.AsyncClient, add_key: AddKey, stage: Any, scope: Scope):
    await add_key({scope})
    image = await stage.image_in(State.READY)

    given = await call.post(f"/v1/images/{image.id}/tokens", headers=bearer(KEY))
    revoked = await call.delete(f"/v1/images/{image.id}/tokens", headers=bearer(KEY))

    assert given.status_code == (200 if scope is Scope.READ else 403)
    assert revoked.status_code == (204 if scope is Scope.MANAGE else 403)


@pytest.mark.parametrize("purpose", [Purpose.WRITE, Purpose.READ])
@pytest.mark.parametrize("method", ["POST", "DELETE"])
async def test_no_token_is_given_for_a_token_and_none_revokes(
    call: httpx.AsyncClient, stage: Any, method: str, purpose: Purpose
):
    """One that leaked could be renewed for ever, or could lock out whoever has it by right."""
    image = await stage.image_in(State.REQUESTED)
    token = stage.tokens.image_token(purpose, image.id, image.token_generation)
    path = f"/v1/images/{image.id}/tokens"

    in_header = await call.request(method, path, headers=bearer(token))
    in_query = await call.request(method, path, params={"read_token": token})

    assert code(in_header) == (403, "token_invalid")
    assert code(in_query) == (401, "not_authenticated")
    assert await stage.stored(image.id) == image


@pytest.mark.parametrize("method", ["POST", "DELETE"])
async def test_an_image_that_is_not_there_is_not_found(call: httpx.AsyncClient, add_key: AddKey, method: str):
    await add_key(frozenset(Scope))

    answer = await call.request(method, f"/v1/images/{'f' * 32}/tokens", headers=bearer(KEY))

    assert code(answer) == (404, "image_not_found")


async def test_of_a_deleted_image_there_is_no_token(call: httpx.AsyncClient, add_key: AddKey, stage: Any):
    await add_key({Scope.READ})
    image = await stage.image_in(State.DELETED)

    answer = await call.post(f"/v1/images/{image.id}/tokens", headers=bearer(KEY))

    assert code(answer) == (410, "image_gone")


@pytest.mark.parametrize(
    ("user", "given", "revoked"), [("owner", 200, 204), ("friend", 200, 404), ("stranger", 404, 404)]
)
async def test_a_user_gets_tokens_of_what_they_may_see_and_revokes_those_of_their_own(
    call: httpx.AsyncClient, stage: Any, user: str, given: int, revoked: int
):
    image = await stage.image_in(State.READY, kind="passport", public=False, owner="owner")
    path = f"/v1/images/{image.id}/tokens"

    answers = [await call.request(method, path, headers=by_user(user)) for method in ("POST", "DELETE")]

    assert [answer.status_code for answer in answers] == [given, revoked]
