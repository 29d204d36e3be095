"""Refusals and views are noted: what was asked, by whom, from where, and how it ended."""

from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import httpx
import pytest

from credentials import bearer
from safelight.adapters.rates import MemoryRates
from safelight.domain.events import Action
from safelight.domain.image import State
from safelight.domain.tokens import Purpose, ShowClaims
from safelight.http.api import ROUTES, api
from safelight.http.audit import ACTION
from safelight.http.parts import Parts
from safelight.http.rates import Rates
from safelight.testing.samples import rendition

SHOWN = "/v1/images/{}/variants/thumb"
V1 = [(route.handler_name, route.opt) for route in ROUTES if any(path.startswith("/v1") for path in route.paths)]


@pytest.mark.parametrize("opt", [opt for _, opt in V1], ids=[name for name, _ in V1])
def test_every_route_says_what_a_refusal_was_of(opt: dict[str, Any]) -> None:
    assert isinstance(opt.get(ACTION), Action)


async def a_passport(stage: Any, *, public: bool = False) -> Any:
    image = await stage.image_in(State.PROCESSING, kind="passport", public=public, owner="42")
    async with stage.records.transaction() as tx:
        await tx.add_rendition(rendition(image.id, "thumb", format="jpeg"), attempt=1)
        return await tx.move(image.id, was=State.PROCESSING, now=State.READY)


def token(stage: Any, image: Any, purpose: Purpose = Purpose.READ) -> str:
    made: str = stage.tokens.image_token(purpose, image.id, image.token_generation)
    return made


async def test_a_view_of_a_protected_image_is_noted(call: httpx.AsyncClient, stage: Any) -> None:
    image = await a_passport(stage)

    answer = await call.get(SHOWN.format(image.id), params={"read_token": token(stage, image)})

    assert answer.status_code == 302
    (noted,) = stage.audit.noted
    assert (noted.action, noted.image_id, noted.owner) == (Action.VIEWED, image.id, "42")
    assert (noted.actor, noted.target, noted.result) == ("token", "variant:thumb", "ok")
    assert (noted.at, noted.address) == (stage.clock.now(), "127.0.0.1")
    assert noted.request_id == answer.headers["x-request-id"]


async def test_a_view_of_a_public_image_is_not(call: httpx.AsyncClient, stage: Any) -> None:
    image = await a_passport(stage, public=True)

    answer = await call.get(SHOWN.format(image.id))

    assert answer.status_code == 302
    assert stage.audit.noted == []


async def test_neither_is_a_look_at_how_an_image_is_coming_along(call: httpx.AsyncClient, stage: Any) -> None:
    image = await a_passport(stage)

    answer = await call.get(f"/v1/images/{image.id}", headers=bearer(token(stage, image)))

    assert answer.status_code == 200
    assert stage.audit.noted == []


@pytest.mark.parametrize(
    ("method", "path", "action"),
    [
        ("POST", "/v1/images", Action.REQUESTED),
        ("POST", "/v1/images/{}/confirm", Action.CONFIRMED),
        ("GET", "/v1/images/{}", Action.CHECKED),
        ("GET", "/v1/images/{}/variants/thumb", Action.VIEWED),
        ("DELETE", "/v1/images/{}", Action.DELETED),
    ],
)
async def test_a_refusal_is_noted(call: httpx.AsyncClient, stage: Any, method: str, path: str, action: Action) -> None:
    image = await a_passport(stage)

    refused = await call.request(method, path.format(image.id))

    assert refused.status_code == 401
    (noted,) = stage.audit.noted
    assert (noted.action, noted.actor, noted.result) == (action, "nobody", "not_authenticated")
    assert noted.image_id == (image.id if "{}" in path else None)
    assert (noted.address, noted.request_id) == ("127.0.0.1", refused.headers["x-request-id"])


async def test_what_is_wrong_with_a_request_is_noted_with_who_asked(call: httpx.AsyncClient, stage: Any) -> None:
    image = await stage.image_in(State.REQUESTED)
    shown = bearer(token(stage, image, Purpose.WRITE))

    await call.post(f"/v1/images/{image.id}/upload", headers=shown, content=b"{")

    (noted,) = stage.audit.noted
    assert (noted.actor, noted.result) == ("token", "request_invalid")


async def test_what_stands_in_the_place_of_an_id_is_not_kept(call: httpx.AsyncClient, stage: Any) -> None:
    image = await a_passport(stage)

    await call.get(f"/v1/images/{token(stage, image)}")

    (noted,) = stage.audit.noted
    assert noted.image_id is None
    assert token(stage, image) not in str(noted)


async def test_a_view_by_a_signed_link_is_noted_as_by_a_token(call: httpx.AsyncClient, stage: Any) -> None:
    image = await a_passport(stage)
    claims = ShowClaims(image.id, "thumb", image.token_generation, stage.clock.now() + timedelta(minutes=5))

    answer = await call.get(SHOWN.format(image.id), params={"token": stage.tokens.sign_show(claims)})

    assert answer.status_code == 302
    assert [(one.action, one.actor) for one in stage.audit.noted] == [(Action.VIEWED, "token")]


async def test_of_calls_beyond_a_rate_one_stands_for_all(parts: Parts, stage: Any) -> None:
    """Which image they asked for is left out, or a flood could make each another."""
    limiter = MemoryRates(refused=lambda _: None)
    few = replace(parts, rates=Rates.of(limiter, calls=1, bad_keys=9, shows=9, token_shows=9))
    transport = httpx.ASGITransport(cast("Any", api(few, version="1")))

    async with httpx.AsyncClient(transport=transport, base_url="https://api.example") as call:
        answers = [await call.get(f"/v1/images/{number:032x}") for number in range(3)]

    assert [answer.status_code for answer in answers] == [401, 429, 429]
    assert [one.result for one in stage.audit.noted] == ["not_authenticated"]
    assert [(one.result, one.image_id) for one in stage.audit.noted_once] == [("too_many_requests", None)] * 2
