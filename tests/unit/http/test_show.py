"""Which rendition a reader is sent to, and for how long it may go by that."""

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from credentials import bearer
from safelight.domain.formats import OutputFormat
from safelight.domain.image import Image, State
from safelight.domain.jobs import RenderVariant
from safelight.domain.kind import Kind, Kinds
from safelight.domain.tokens import Purpose
from safelight.domain.variant import fit
from safelight.http.show_routes import acceptable
from safelight.ports.records import Changes
from safelight.testing.samples import rendition

AVIF, WEBP, JPEG, PNG = OutputFormat.AVIF, OutputFormat.WEBP, OutputFormat.JPEG, OutputFormat.PNG


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, [JPEG, PNG, WEBP, AVIF]),
        ("*/*", [JPEG, PNG, WEBP, AVIF]),
        ("image/*", [JPEG, PNG, WEBP, AVIF]),
        ("image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8", [AVIF, WEBP, JPEG, PNG]),
        ("image/webp,*/*", [WEBP, JPEG, PNG, AVIF]),
        ("image/png", [PNG, JPEG, WEBP, AVIF]),
        ("IMAGE/WEBP;q=0.5", [WEBP, JPEG, PNG, AVIF]),
        ("image/webp;q=0, */*", [JPEG, PNG, AVIF]),
        ("image/avif; q=0.000, image/webp; level=1;q=0.9", [WEBP, JPEG, PNG]),
        ("text/html", [JPEG, PNG, WEBP, AVIF]),
        ("", [JPEG, PNG, WEBP, AVIF]),
        (";;,,=", [JPEG, PNG, WEBP, AVIF]),
    ],
)
def test_the_smallest_that_is_named_then_what_everything_shows(accept: str | None, expected: list[OutputFormat]):
    assert acceptable(accept) == expected


async def an_image(stage: Any, *, public: bool) -> Image:
    image: Image = await stage.image_in(State.PROCESSING, public=public)
    async with stage.records.transaction() as tx:
        for fmt in ("webp", "jpeg"):
            for width in (400, 800):
                await tx.add_rendition(rendition(image.id, "wide", format=fmt, width=width, height=300), attempt=1)
        return await tx.move(image.id, was=State.PROCESSING, now=State.READY)


def where(answer: httpx.Response) -> str:
    """Return the file that a redirect leads to."""
    assert (answer.status_code, answer.content) == (302, b"")
    return answer.headers["location"].partition("?")[0].rpartition("-")[2]


@pytest.mark.parametrize(
    ("query", "accept", "expected"),
    [
        ("", "image/webp,*/*", "800.webp"),
        ("", "*/*", "800.jpg"),
        ("?width=300", "*/*", "400.jpg"),
        ("?width=401", "*/*", "800.jpg"),
        ("?format=webp&width=1", "image/jpeg", "400.webp"),
    ],
)
async def test_anybody_is_sent_to_the_rendition_of_a_public_image(
    call: httpx.AsyncClient, stage: Any, query: str, accept: str, expected: str
):
    image = await an_image(stage, public=True)

    answer = await call.get(f"/v1/images/{image.id}/variants/wide{query}", headers={"accept": accept})

    assert where(answer) == expected
    assert answer.headers["cache-control"] == "public, max-age=60"
    assert "accept" in answer.headers["vary"]


async def test_a_protected_image_is_shown_by_its_read_token_and_the_redirect_kept_privately(
    call: httpx.AsyncClient, stage: Any
):
    image = await an_image(stage, public=False)
    token = stage.tokens.image_token(Purpose.READ, image.id, image.token_generation)

    answer = await call.get(f"/v1/images/{image.id}/variants/wide", params={"read_token": token})

    assert "/private/" in answer.headers["location"]
    assert answer.headers["cache-control"] == "private, max-age=60"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert token not in answer.headers["location"]


async def test_a_write_token_shows_nothing(call: httpx.AsyncClient, stage: Any):
    image = await an_image(stage, public=False)
    token = stage.tokens.image_token(Purpose.WRITE, image.id, image.token_generation)

    answer = await call.get(f"/v1/images/{image.id}/variants/wide", headers=bearer(token))

    assert (answer.status_code, answer.json()["code"]) == (403, "token_invalid")


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("thumb", 404, "image_not_ready"),
        ("poster", 404, "unknown_variant"),
        ("wide?format=avif", 404, "unknown_variant"),
        ("wide?format=bmp", 422, "request_invalid"),
        ("wide?width=0", 422, "request_invalid"),
        ("wide?width=many", 422, "request_invalid"),
    ],
)
async def test_what_cannot_be_shown_is_said_plainly(
    call: httpx.AsyncClient, stage: Any, path: str, status: int, code: str
):
    image = await an_image(stage, public=True)

    answer = await call.get(f"/v1/images/{image.id}/variants/{path}")

    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_a_deleted_image_is_gone(call: httpx.AsyncClient, stage: Any):
    image = await stage.image_in(State.DELETED)

    answer = await call.get(f"/v1/images/{image.id}/variants/thumb")

    assert (answer.status_code, answer.json()["code"]) == (410, "image_gone")


async def test_a_public_image_is_shown_whatever_credential_comes_along(call: httpx.AsyncClient, stage: Any):
    image = await an_image(stage, public=True)

    answer = await call.get(f"/v1/images/{image.id}/variants/wide", headers={"authorization": "Bearer of-someone-else"})

    assert answer.status_code == 302


@pytest.mark.parametrize("token", [None, "v1.x.{id}.x", "v1.x.{other}.x"])
async def test_a_missing_image_is_answered_as_a_protected_one(call: httpx.AsyncClient, stage: Any, token: str | None):
    protected, missing = (await an_image(stage, public=False)).id, "f" * 32

    answers = []
    for image_id in (protected, missing):
        query = {"read_token": token.format(id=image_id, other="e" * 32)} if token else {}
        answer = await call.get(f"/v1/images/{image_id}/variants/wide", params=query)
        answers.append((answer.status_code, answer.json()["code"]))

    assert answers[0] == answers[1]


def token_of(url: str) -> str:
    return parse_qs(urlsplit(url).query)["token"][0]


@pytest.fixture
def with_zoom(stage: Any) -> None:
    """Let the avatars of the stage have a lazy variant."""
    zooming = Kind("avatar", public=True, variants={"wide": fit(800), "zoom": fit(900, lazy=True)})
    stage.kinds = Kinds([zooming, *(kind for name, kind in stage.kinds.items() if name != "avatar")])


async def a_kept_image(stage: Any, *, public: bool, number: int = 1) -> Image:
    image: Image = await stage.image_in(State.PROCESSING, number, public=public)
    async with stage.records.transaction() as tx:
        await tx.add_rendition(rendition(image.id, "wide", width=800, height=600), attempt=1)
        return await tx.move(image.id, was=image.state, now=State.READY, changes=Changes(original_kept=True))


async def urls_of(call: httpx.AsyncClient, key: str, *images: Image, **more: Any) -> dict[str, Any]:
    wanted = {"ids": [image.id for image in images], "variants": ["wide", "zoom"]} | more
    answer = await call.post("/v1/urls", json=wanted, headers=bearer(key))
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()["images"]
    return found


@pytest.mark.usefixtures("with_zoom")
async def test_who_asks_for_a_lazy_variant_is_told_to_come_back_while_it_is_rendered(
    call: httpx.AsyncClient, stage: Any
):
    image = await a_kept_image(stage, public=True)

    answer = await call.get(f"/v1/images/{image.id}/variants/zoom")

    assert (answer.status_code, answer.content) == (202, b"")
    assert (answer.headers["retry-after"], answer.headers["cache-control"]) == ("2", "no-store")
    assert stage.queued() == [RenderVariant(image.id, "zoom")]


@pytest.mark.usefixtures("with_zoom")
async def test_the_urls_of_a_page_are_signed_where_the_image_is_protected(
    call: httpx.AsyncClient, stage: Any, api_key: str
):
    public, protected = await a_kept_image(stage, public=True), await a_kept_image(stage, public=False, number=2)

    found = await urls_of(call, api_key, public, protected)

    assert found[public.id]["expires_at"] is None
    assert "token=" not in str(found[public.id])
    assert "token=" in found[protected.id]["variants"]["wide"]["url"]
    assert found[protected.id]["variants"]["zoom"]["renditions"] == []


@pytest.mark.usefixtures("with_zoom")
async def test_a_signed_link_shows_its_variant_of_its_image_and_no_other(
    call: httpx.AsyncClient, stage: Any, api_key: str
):
    one, other = await a_kept_image(stage, public=False), await a_kept_image(stage, public=False, number=2)
    link = (await urls_of(call, api_key, one))[one.id]["variants"]["zoom"]["url"]
    token = token_of(link)

    async def shown(path: str) -> int:
        return (await call.get(f"/v1/images/{path}token={token}")).status_code

    assert await shown(f"{one.id}/variants/zoom?") == 202
    assert await shown(f"{one.id}/variants/wide?") == 403
    assert await shown(f"{other.id}/variants/zoom?") == 403
    assert await shown(f"{'f' * 32}/variants/zoom?") == 403
    assert await shown(f"{one.id}/variants/zoom?token={token}&") == 403
    assert await shown(f"{one.id}?") == 401
    async with stage.records.transaction() as tx:
        await tx.revoke_tokens(one.id)
    assert await shown(f"{one.id}/variants/zoom?") == 403
    stage.clock.advance(timedelta(minutes=10))
    assert await shown(f"{one.id}/variants/zoom?") == 403


@pytest.mark.parametrize(
    "wrong",
    [
        {"ids": []},
        {"ids": ["x"]},
        {"ids": [f"{number:032x}" for number in range(51)]},
        {"variants": []},
        {"format": "bmp"},
        {"width": 0},
        {"more": 1},
    ],
)
async def test_a_page_that_makes_no_sense_is_refused(call: httpx.AsyncClient, api_key: str, wrong: dict[str, Any]):
    wanted = {"ids": ["0" * 32], "variants": ["wide"]} | wrong

    answer = await call.post("/v1/urls", json=wanted, headers=bearer(api_key))

    assert (answer.status_code, answer.json()["code"]) == (422, "request_invalid")
