"""A large file is sent in parts, which nobody who calls `upload` has to know of."""

import hashlib
import io
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from safelight_client import ConnectionFailed, Progress, Status, Step, UploadFailed

FILE = bytes(range(256)) * 50
PART_BYTES = 1000
PARTS = 13


@pytest.fixture
def server(server: Any) -> Any:
    server.part_bytes = PART_BYTES
    return server


def sent(server: Any) -> list[int]:
    """Return the numbers of the parts that were sent, as often as they were, in order."""
    return sorted(int(one.url.params["number"]) for one in server.of("PUT"))


def whole(server: Any) -> str:
    (stored,) = server.objects.values()
    return str(stored.sha256)


ALL = list(range(1, PARTS + 1))
DIGEST = hashlib.sha256(FILE).hexdigest()


async def test_every_part_is_sent_once_at_its_length(server: Any, safelight: Any) -> None:
    image = await safelight.upload(FILE, kind="avatar")

    assert image.status is Status.READY
    assert sent(server) == ALL
    assert {one.headers["content-length"] for one in server.of("PUT")} == {"1000", "800"}
    assert whole(server) == DIGEST


async def test_a_file_is_sent_from_where_it_stands(server: Any, safelight: Any) -> None:
    file = io.BytesIO(b"read before" + FILE)
    file.seek(len(b"read before"))

    await safelight.upload(file, kind="avatar", filename="cat.jpg")

    assert whole(server) == DIGEST


async def test_the_storage_sees_neither_key_nor_token_and_the_api_no_more_than_the_write_token(
    server: Any, safelight: Any
) -> None:
    image = await safelight.upload(FILE, kind="avatar")

    shown = {one.headers.get("authorization") for one in server.of("POST", "/parts")}
    assert not any("authorization" in one.headers for one in server.of("PUT"))
    assert shown == {f"Bearer write-{image.id}"}


async def test_only_so_many_urls_are_asked_for_at_once_as_every_server_gives(server: Any, safelight: Any) -> None:
    await safelight.upload(FILE, kind="avatar")

    assert len(server.of("POST", "/parts")) == 2


@pytest.mark.parametrize("failure", [httpx.ReadError("cut off"), lambda _: httpx.Response(503)])
async def test_a_part_that_fails_is_sent_again_and_no_other(server: Any, safelight: Any, failure: Any) -> None:
    server.plan("PUT", failure)

    await safelight.upload(FILE, kind="avatar")

    assert len(server.of("PUT")) == PARTS + 1
    assert whole(server) == DIGEST


async def test_a_part_whose_url_has_ended_is_signed_for_anew(server: Any, safelight: Any) -> None:
    server.plan("PUT", httpx.Response(403, text="<Code>AccessDenied</Code>"))

    await safelight.upload(FILE, kind="avatar")

    assert [len(one.read()) for one in server.of("POST", "/parts")][1] < 20
    assert whole(server) == DIGEST


async def test_where_the_line_breaks_the_upload_goes_on_with_what_is_missing(server: Any, safelight: Any) -> None:
    server.plan("PUT", *[server.lose] * 5, *[httpx.ConnectError("no line")] * 11)

    await safelight.upload(FILE, kind="avatar")

    assert len(server.of("GET", "/parts")) >= 1
    assert whole(server) == DIGEST


@pytest.mark.parametrize(
    ("failure", "error"),
    [(httpx.ConnectError("no line"), ConnectionFailed), (lambda _: httpx.Response(400), UploadFailed)],
)
async def test_what_cannot_be_sent_is_given_up_at_last(
    server: Any, safelight: Any, failure: Any, error: type[Exception]
) -> None:
    server.plan("PUT", *[failure] * 1000)

    with pytest.raises(error):
        await safelight.upload(FILE, kind="avatar")

    assert len(server.of("GET", "/parts")) == 2
    assert server.of("POST", "/confirm") == []


async def test_progress_adds_up_what_all_parts_sent(server: Any, safelight: Any) -> None:
    server.plan("PUT", server.lose)
    heard: list[Progress] = []

    await safelight.upload(FILE, kind="avatar", on_progress=heard.append)

    uploading = [one.bytes_sent for one in heard if one.step is Step.UPLOADING]
    assert max(uploading) == uploading[-1] == len(FILE)
    assert [one.fraction for one in heard] == sorted(one.fraction for one in heard)


async def test_over_a_real_socket_parts_are_sent_side_by_side(loopback: Any, open_client: Callable[..., Any]) -> None:
    loopback.server.part_bytes = PART_BYTES

    await open_client(loopback.url).upload(FILE, kind="avatar")

    assert whole(loopback.server) == DIGEST
