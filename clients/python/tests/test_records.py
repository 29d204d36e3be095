"""The application's records, as both clients ask for them."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from safelight_client import Attachment, Erased, InvalidAnswer, Removed, SafelightError


def place(server: Any) -> tuple[httpx.Response, str, str]:
    """Return what a server answers of a record with one ready image and one on its way, and their ids."""
    ready, waiting = server.add(), server.add("processing")
    images, pending = ([server.image(server.records[one])] for one in (ready, waiting))
    return httpx.Response(200, json={"images": images, "pending": pending}), ready, waiting


async def test_an_image_is_attached_and_what_is_there_comes_back(server: Any, safelight: Any) -> None:
    answer, ready, waiting = place(server)
    server.plan("PUT", answer)

    attached = await safelight.attach(ready, to=("post", 7), kind="photo")

    assert [image.id for image in attached.images] == [ready]
    assert [image.id for image in attached.pending] == [waiting]
    (request,) = server.requests
    assert (request.method, request.url.path) == ("PUT", "/v1/records/post/7/photo")
    assert json.loads(request.content) == {"image_id": ready}
    assert request.headers["authorization"] == "Bearer sl_key"


async def test_an_image_goes_to_a_position(server: Any, safelight: Any) -> None:
    answer, ready, _ = place(server)
    server.plan("PUT", answer, answer)
    image = await safelight.get(ready)

    await safelight.attach(image, to=Attachment("post", "7"), kind="photo", position=0)

    assert json.loads(server.of("PUT")[0].content) == {"image_id": ready, "position": 0}


@pytest.mark.parametrize(
    ("kind", "path"), [(None, "/v1/records/a%2Fb/7%3F%23"), ("photo", "/v1/records/a%2Fb/7%3F%23/photo")]
)
async def test_what_is_at_a_record_can_be_seen_whatever_it_is_called(
    server: Any, safelight: Any, kind: str | None, path: str
) -> None:
    answer, ready, _ = place(server)
    server.plan("GET", answer)

    attached = await safelight.attached(("a/b", "7?#"), **({"kind": kind} if kind else {}))

    assert [image.id for image in attached.images] == [ready]
    assert server.requests[0].url.raw_path.decode() == path


async def test_what_was_deleted_with_a_record_is_told(server: Any, safelight: Any) -> None:
    server.plan("DELETE", httpx.Response(200, json={"images": 3, "bytes": 1000}))

    assert await safelight.delete_record(("post", 7)) == Removed(images=3, bytes=1000)
    assert server.requests[0].url.path == "/v1/records/post/7"


async def test_what_was_erased_of_an_owner_is_told_also_when_a_first_answer_was_lost(
    server: Any, safelight: Any
) -> None:
    report = {"owner": "a/b", "images": 3, "bytes": 1000, "renditions": 9, "audit_events": 12, "answers": 0}
    server.plan("DELETE", httpx.ReadTimeout("too slow"), httpx.Response(200, json=report))

    assert await safelight.erase_owner("a/b") == Erased("a/b", 3, 1000, 9, 12)
    assert [request.url.raw_path for request in server.requests] == [b"/v1/owners/a%2Fb"] * 2


@pytest.mark.parametrize("document", [{}, {"images": [], "pending": 1}, {"images": [1], "pending": []}])
async def test_an_answer_that_makes_no_sense_is_an_error(server: Any, safelight: Any, document: object) -> None:
    server.plan("GET", httpx.Response(200, json=document))

    with pytest.raises(InvalidAnswer):
        await safelight.attached(("post", 7))


async def test_a_refusal_is_an_error_with_its_code(
    server: Any, safelight: Any, problem: Callable[..., httpx.Response]
) -> None:
    server.plan("PUT", problem(422, "record_full"))

    with pytest.raises(SafelightError) as refused:
        await safelight.attach("1", to=("post", 7), kind="photo")

    assert refused.value.code == "record_full"


@pytest.mark.parametrize("to", [("", "7"), ("post", ""), ("..", "7")])
async def test_a_record_that_is_none_is_not_asked_for(server: Any, safelight: Any, to: tuple[str, str]) -> None:
    with pytest.raises(ValueError, match="record"):
        await safelight.delete_record(to)

    assert server.requests == []
