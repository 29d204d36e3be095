"""A POST that comes again with its Idempotency-Key is answered as the first time, and does nothing more."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, cast

import httpx
import pytest

from safelight.domain import api_keys
from safelight.domain.who import ApiKey, ApiKeyId, Scope
from safelight.http.api import ROUTES
from safelight.ports.records import ImageFilter

Answer = httpx.Response
Post = Callable[..., Awaitable[Answer]]

SECRET = "s" * 32
AVATAR = {"kind": "avatar", "filename": "me.jpg", "size": 19, "content_type": "image/jpeg"}
PAST_ALL = timedelta(days=1, seconds=1)

POSTS = [cast("str", path) for route in ROUTES for path in route.paths if "POST" in route.http_methods]


@pytest.fixture
async def post(call: httpx.AsyncClient, stage: Any) -> Post:
    """Posts as the application, or as whoever else is named."""
    key_id = ApiKeyId(stage.ids.new())
    await add_key(stage, key_id)

    async def post(path: str, body: Any = None, *, key: str | None = "key-1", credential: str | None = None) -> Answer:
        shown = credential or api_keys.write(key_id, SECRET)
        headers = {"authorization": f"Bearer {shown}"} | ({"idempotency-key": key} if key else {})
        return await call.post(path, json=body, headers=headers)

    return post


async def add_key(stage: Any, key_id: ApiKeyId) -> str:
    async with stage.records.transaction() as tx:
        digest = api_keys.digest(SECRET)
        await tx.add_api_key(ApiKey(key_id, "test", digest, frozenset(Scope), stage.clock.now()))
    return api_keys.write(key_id, SECRET)


async def images(stage: Any) -> int:
    async with stage.records.reading() as snapshot:
        return len(await snapshot.page(ImageFilter(), after=None, limit=1000))


def code(answer: Answer) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def said(answer: Answer) -> tuple[int, bytes, list[tuple[bytes, bytes]]]:
    """Return all of an answer but what names this very request."""
    its_own = {b"x-request-id", b"idempotency-replayed"}
    return answer.status_code, answer.content, [one for one in answer.headers.raw if one[0].lower() not in its_own]


async def test_the_answer_is_given_again_byte_for_byte(stage: Any, post: Post) -> None:
    first = await post("/v1/images", AVATAR)
    stage.clock.advance(timedelta(hours=23))
    again = await post("/v1/images", AVATAR)

    assert first.status_code == 201
    assert said(again) == said(first)
    assert await images(stage) == 1


async def test_an_answer_says_whether_it_was_given_before(post: Post) -> None:
    first = await post("/v1/images", AVATAR)
    again = await post("/v1/images", AVATAR)

    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert again.headers["x-request-id"] != first.headers["x-request-id"]


@pytest.mark.parametrize("path", POSTS)
async def test_every_post_knows_the_key_of_another(post: Post, path: str) -> None:
    """Whatever a route does with its body: a key that was used elsewhere is refused before."""
    await post("/v1/images", AVATAR)

    refused = await post(path.replace("{image_id:str}", "f" * 32), {"another": "body"})

    assert code(refused) == (409, "idempotency_key_reused")


async def test_without_a_key_every_post_counts(stage: Any, post: Post) -> None:
    for _ in range(2):
        await post("/v1/images", AVATAR, key=None)

    assert await images(stage) == 2


async def test_of_fifty_at_once_one_acts(stage: Any, post: Post) -> None:
    answers = await asyncio.gather(*(post("/v1/images", AVATAR) for _ in range(50)))

    assert await images(stage) == 1
    created = [answer for answer in answers if answer.status_code == 201]
    assert {answer.content for answer in created} == {created[0].content}
    others = [answer for answer in answers if answer not in created]
    assert {code(answer) for answer in others} <= {(409, "idempotency_in_progress")}
    assert {answer.headers["retry-after"] for answer in others} <= {"1"}
