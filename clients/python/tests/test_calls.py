import inspect
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

import safelight_client
from safelight_client import (
    AsyncClient,
    Client,
    ConnectionFailed,
    ImageNotFound,
    ImageRejected,
    InvalidAnswer,
    Recipe,
    SafelightError,
    Status,
)

PUBLIC = [name for name in vars(Client) if not name.startswith("_")]


async def test_an_image_can_be_looked_at(server: Any, safelight: Any) -> None:
    image_id = server.add()

    image = await safelight.get(image_id)

    assert (image.id, image.status) == (image_id, Status.READY)
    assert server.requests[0].headers["authorization"] == "Bearer sl_key"


async def test_whoever_has_the_read_token_needs_no_key(server: Any, open_client: Callable[..., Any]) -> None:
    safelight = open_client(api_key=None, transport=httpx.MockTransport(server.handle))
    image_id = server.add()

    await safelight.get(image_id, read_token="token")
    await safelight.get(image_id)

    assert server.requests[0].headers["authorization"] == "Bearer token"
    assert "authorization" not in server.requests[1].headers


@pytest.mark.parametrize("image_id", ["../kinds/avatar", "a/b?c#d", "ä%2e"])
async def test_an_id_cannot_lead_elsewhere(server: Any, safelight: Any, image_id: str) -> None:
    with pytest.raises(ImageNotFound):
        await safelight.get(image_id)

    assert server.requests[0].url.raw_path.count(b"/") == 3
    assert server.requests[0].url.query == b""


@pytest.mark.parametrize("image_id", ["", ".", ".."])
async def test_an_id_that_is_none_is_not_sent(server: Any, safelight: Any, image_id: str) -> None:
    with pytest.raises(ValueError, match="names no image"):
        await safelight.delete(image_id)

    assert server.requests == []


async def test_waiting_for_an_image_that_is_ready_takes_one_look(server: Any, safelight: Any) -> None:
    image = await safelight.wait(server.add())

    assert image.status is Status.READY
    assert len(server.requests) == 1


async def test_waiting_for_a_rejected_image_raises_its_reason(server: Any, safelight: Any) -> None:
    server.error = {"code": "damaged", "message": "This image is damaged.", "retryable": False}

    with pytest.raises(ImageRejected, match="damaged"):
        await safelight.wait(server.add("rejected"))


async def test_a_list_goes_on_over_its_pages_newest_first(server: Any, safelight: Any) -> None:
    ids = [server.add() for _ in range(5)]

    listed = await safelight.list()

    assert [image.id for image in listed] == ids[::-1]
    assert [one.url.params.get("after") for one in server.requests] == [None, ids[3], ids[1]]


async def test_a_list_can_be_narrowed(server: Any, safelight: Any) -> None:
    server.add(kind="banner")
    wanted = server.add(kind="avatar")

    listed = await safelight.list(
        kind="avatar", status=Status.READY, owner="a b", attached_to=("user", 42), page_size=7
    )

    assert [image.id for image in listed] == [wanted]
    assert dict(server.requests[0].url.params) == {
        "kind": "avatar",
        "status": "ready",
        "owner": "a b",
        "attached_type": "user",
        "attached_id": "42",
        "limit": "7",
    }


async def test_an_image_can_be_deleted(server: Any, safelight: Any) -> None:
    image_id = server.add()

    await safelight.delete(image_id)

    assert server.records == {}


async def test_a_deletion_whose_answer_was_lost_is_done(server: Any, safelight: Any) -> None:
    image_id = server.add()
    server.plan("DELETE", server.lose)

    await safelight.delete(image_id)

    assert len(server.requests) == 2


async def test_deleting_what_is_not_there_is_an_error(safelight: Any) -> None:
    with pytest.raises(ImageNotFound):
        await safelight.delete("1")


@pytest.mark.parametrize(("verdict", "status"), [("approve", Status.READY), ("reject", Status.REJECTED)])
async def test_a_held_image_can_be_approved_or_rejected(
    server: Any, safelight: Any, verdict: str, status: Status
) -> None:
    image_id = server.add("held")

    image = await safelight.review(image_id, verdict, reason="I looked at it")

    assert image.status is status
    assert json.loads(server.requests[0].content) == {"verdict": verdict, "reason": "I looked at it"}
    assert "idempotency-key" in server.requests[0].headers


async def test_a_verdict_needs_no_reason(server: Any, safelight: Any) -> None:
    await safelight.review(server.add("held"), "approve")

    assert json.loads(server.requests[0].content) == {"verdict": "approve"}


@pytest.mark.parametrize(("public", "old"), [(True, 0), (False, 1)])
async def test_an_image_can_be_made_public_or_protected(
    server: Any,
    safelight: Any,
    public: bool,  # noqa: FBT001 - both ways
    old: int,
) -> None:
    switched = await safelight.set_public(server.add(), public)

    assert (switched.image.public, len(switched.old_urls), switched.note) == (public, old, "Purge.")


async def test_a_switch_whose_answer_was_lost_is_asked_for_again(server: Any, safelight: Any) -> None:
    image_id = server.add()
    server.plan("PUT", server.lose)

    switched = await safelight.set_public(image_id, public=False)

    assert not switched.image.public
    assert len(server.of("PUT")) == 2


async def test_the_rules_of_a_kind_can_be_read(safelight: Any) -> None:
    kind = await safelight.kind("avatar")

    assert (kind.name, kind.accept, kind.max_bytes, kind.public) == ("avatar", ("jpeg", "png"), 10_000_000, True)
    assert kind.variants == {"thumb": Recipe("cover", (96,), 96, ("webp", "jpeg"))}


@pytest.mark.parametrize("field", ["accept", "content_types"])
async def test_rules_that_make_no_sense_are_an_invalid_answer(server: Any, safelight: Any, field: str) -> None:
    odd = {"name": "avatar", "max_bytes": 1, "max_pixels": 1, "max_frames": 1, "public": True, "variants": {}}
    server.plan("GET", httpx.Response(200, json={**odd, "accept": [], "content_types": [], field: ["jpeg", 5]}))

    with pytest.raises(InvalidAnswer):
        await safelight.kind("avatar")


async def test_the_steps_can_be_gone_one_by_one_by_several_parties(server: Any, safelight: Any) -> None:
    ticket = await safelight.request(kind="avatar", filename="cat.heic", size=3, attach=("user", "42"))
    fresh = await safelight.resign(ticket.id, write_token=ticket.write_token)
    server.write(f"/incoming/{ticket.id}.2", "signed-2", 3, "")
    image = await safelight.confirm(ticket.id, write_token=ticket.write_token)

    assert json.loads(server.requests[0].content)["content_type"] == "image/heic"
    assert ticket.upload.url.endswith(".1?token=signed-1")
    assert fresh.url.endswith(".2?token=signed-2")
    assert image.status is Status.UPLOADED


async def test_a_ticket_does_not_show_its_secrets(safelight: Any) -> None:
    ticket = await safelight.request(kind="avatar", filename="cat.jpg", size=3)

    assert not any(secret in repr(ticket) for secret in (ticket.write_token, ticket.read_token, "signed-1"))


async def test_a_variant_can_be_downloaded_by_id(server: Any, safelight: Any) -> None:
    image_id = server.add()

    content = await safelight.download(image_id, "thumb", format="webp", width=96)

    assert content == b"pixels"
    assert server.requests[0].url.raw_path.endswith(b"/variants/thumb?format=webp&width=96")


async def test_a_download_does_not_run_in_circles(server: Any, safelight: Any) -> None:
    image_id = server.add()
    server.plan("GET", *[httpx.Response(302, headers={"Location": "/again"}) for _ in range(9)])

    with pytest.raises(SafelightError, match="302"):
        await safelight.download(image_id, "thumb")

    assert len(server.requests) == 4


async def test_redirects_of_the_api_are_not_followed_with_the_key(server: Any, safelight: Any) -> None:
    server.plan("GET", httpx.Response(307, headers={"Location": "https://elsewhere.example/"}))

    with pytest.raises(SafelightError, match="307"):
        await safelight.get("1")

    assert len(server.requests) == 1


async def test_the_server_may_live_below_a_path(server: Any, open_client: Callable[..., Any]) -> None:
    safelight = open_client("https://api.example/images/", transport=httpx.MockTransport(server.handle))

    with pytest.raises(SafelightError):
        await safelight.get("1")

    assert server.requests[0].url.path == "/images/v1/images/1"


@pytest.mark.parametrize("address", ["api.example", "ftp://api.example", ""])
async def test_an_address_that_is_none_stops_the_start(address: str, open_client: Callable[..., Any]) -> None:
    with pytest.raises(ValueError, match="http"):
        open_client(address)


async def test_a_request_that_cannot_be_sent_is_not_tried_again(server: Any, open_client: Callable[..., Any]) -> None:
    safelight = open_client(api_key="key\nwith a line break", transport=httpx.MockTransport(server.handle))
    server.plan("GET", httpx.LocalProtocolError("illegal header"))

    with pytest.raises(ConnectionFailed) as caught:
        await safelight.get("1")

    assert not caught.value.retryable
    assert len(server.requests) == 1


@pytest.mark.parametrize("name", [*PUBLIC, "__init__"])
def test_both_clients_have_the_same_methods(name: str) -> None:
    ours, theirs = inspect.signature(getattr(Client, name)), inspect.signature(getattr(AsyncClient, name))

    assert [str(one).replace("Async", "") for one in theirs.parameters.values()] == [
        str(one) for one in ours.parameters.values()
    ]
    assert str(theirs.return_annotation).replace("Async", "") == str(ours.return_annotation)
    assert inspect.getdoc(getattr(Client, name)) == inspect.getdoc(getattr(AsyncClient, name))


def test_neither_client_has_more_than_the_other() -> None:
    assert [name for name in vars(AsyncClient) if not name.startswith("_")] == PUBLIC


def test_what_is_public_can_be_imported() -> None:
    assert sorted(safelight_client.__all__) == sorted(set(safelight_client.__all__))
    assert all(hasattr(safelight_client, name) for name in safelight_client.__all__)


def test_a_closed_client_sends_nothing_more(server: Any) -> None:
    with Client("https://api.example", transport=httpx.MockTransport(server.handle)) as safelight:
        pass

    with pytest.raises(RuntimeError, match="closed"):
        safelight.get("1")


async def test_a_closed_async_client_sends_nothing_more(server: Any) -> None:
    async with AsyncClient("https://api.example", transport=httpx.MockTransport(server.handle)) as safelight:
        pass

    with pytest.raises(RuntimeError, match="closed"):
        await safelight.get("1")
