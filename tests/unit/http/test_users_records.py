"""What a user of the application does with records: attach what is its own, and see what it may see."""

from dataclasses import replace
from typing import Any

import httpx
import pytest

from credentials import by_user
from safelight.domain.image import HOLDING, Attachment, Image, State
from safelight.domain.kind import Kind, Kinds
from safelight.domain.variant import cover
from safelight.http.parts import Parts
from safelight.testing.fakes import UsersAtTheirWord

THUMB = {"thumb": cover(96, 96)}
MARY = Attachment("user", "mary")


@pytest.fixture
def parts(parts: Parts) -> Parts:
    """An API that knows users. Everybody has a face, which a friend of Mary's may see."""
    kinds = Kinds(
        [
            Kind(
                "face",
                one_per_record=True,
                variants=THUMB,
                may_upload=lambda who, target: target is not None and target.id == who.id,
                may_view=lambda who, image: (who.id, image.owner) == ("friend", "mary"),
            ),
            Kind("closed", variants=THUMB),
        ]
    )
    return replace(parts, identities=UsersAtTheirWord(), rules=replace(parts.rules, kinds=kinds))


async def face(stage: Any, number: int, state: State = State.READY, **changes: object) -> Image:
    image: Image = await stage.image_in(
        state, number, **{"kind": "face", "owner": "mary", "public": False, "attached_to": MARY, **changes}
    )
    return image


async def seen_by(call: httpx.AsyncClient, name: str, path: str = "/v1/records/user/mary") -> list[str]:
    answer = await call.get(path, headers=by_user(name))
    assert answer.status_code == 200, answer.text
    return [image["id"] for some in ("images", "pending") for image in answer.json()[some]]


async def test_a_user_attaches_its_own_image_where_it_may_upload(call: httpx.AsyncClient, stage: Any):
    old, new = await face(stage, 1), await face(stage, 2, attached_to=None)

    answer = await call.put("/v1/records/user/mary/face", json={"image_id": new.id}, headers=by_user("mary"))

    assert answer.status_code == 200, answer.text
    assert [image["id"] for image in answer.json()["images"]] == [new.id]
    assert (await stage.stored(old.id)).state is State.DELETED


@pytest.mark.parametrize("owner", ["john", None])
async def test_a_foreign_image_is_as_one_that_does_not_exist(call: httpx.AsyncClient, stage: Any, owner: str | None):
    image = await face(stage, 1, owner=owner)

    answers = [
        await call.put("/v1/records/user/mary/face", json={"image_id": image_id}, headers=by_user("mary"))
        for image_id in (image.id, "f" * 32)
    ]

    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(404, "image_not_found")] * 2
    assert await stage.stored(image.id) == image


@pytest.mark.parametrize(("target", "kind"), [("john", "face"), ("mary", "closed")])
async def test_a_user_attaches_nothing_where_it_may_not_upload(
    call: httpx.AsyncClient, stage: Any, target: str, kind: str
):
    image = await face(stage, 1, kind=kind)

    answer = await call.put(f"/v1/records/user/{target}/{kind}", json={"image_id": image.id}, headers=by_user("mary"))

    assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")
    assert await stage.stored(image.id) == image


@pytest.mark.parametrize("path", ["/v1/records/user/mary", "/v1/records/user/mary/face"])
@pytest.mark.parametrize("state", sorted(HOLDING))
async def test_an_image_is_told_of_to_its_owner_and_whom_a_rule_lets_see_it(
    call: httpx.AsyncClient, stage: Any, state: State, path: str
):
    image = await face(stage, 1, state)

    seen = {name: await seen_by(call, name, path) for name in ("mary", "friend", "stranger")}

    assert seen == {"mary": [image.id], "friend": [image.id], "stranger": []}


@pytest.mark.parametrize("state", sorted(HOLDING))
async def test_a_public_image_is_told_of_to_every_user_when_it_is_ready(
    call: httpx.AsyncClient, stage: Any, state: State
):
    image = await face(stage, 1, state, public=True)

    assert await seen_by(call, "stranger") == ([image.id] if state is State.READY else [])


async def test_an_image_of_a_kind_that_is_gone_is_told_of_to_its_owner(call: httpx.AsyncClient, stage: Any):
    image = await face(stage, 1, kind="gone")

    assert [await seen_by(call, name) for name in ("mary", "friend")] == [[image.id], []]


@pytest.mark.parametrize("path", ["/v1/records/user/mary", "/v1/owners/mary"])
async def test_a_user_deletes_no_record_and_erases_nobody(call: httpx.AsyncClient, stage: Any, path: str):
    image = await face(stage, 1)

    answer = await call.delete(path, headers=by_user("mary"))

    assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")
    assert await stage.stored(image.id) == image
