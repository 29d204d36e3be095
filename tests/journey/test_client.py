"""The Python client against the real server: one method for six steps, and every error by its class."""

import inspect
from io import BytesIO
from pathlib import Path
from typing import Any

import PIL.Image
import pytest

from safelight.domain import errors
from safelight.http.problems import STATUS
from safelight.testing.server import Server
from safelight_client import (
    BY_CODE,
    AsyncClient,
    Client,
    ImageGone,
    ImageNotFound,
    ImageRejected,
    NotAuthenticated,
    Progress,
    Status,
    Step,
    TooLarge,
    TypeNotAccepted,
    UnknownKind,
    UploadFailed,
    WrongState,
)


@pytest.fixture
def safelight(api_server: Server) -> Any:
    with Client(api_server.url, api_key=api_server.key) as client:
        yield client


def test_one_call_goes_the_whole_road(safelight: Client, photo: Path):
    heard: list[Progress] = []

    image = safelight.upload(photo, kind="photo", attach=("user", 42), checksum="sha256", on_progress=heard.append)

    assert (image.status, image.filename, image.width, image.height) == (Status.READY, photo.name, 5312, 2988)
    assert [step for step in Step if step in {one.step for one in heard}] == list(Step)
    assert heard[-1].step is list(Step)[-1]
    content = PIL.Image.open(BytesIO(safelight.download(image, "thumb", format="webp")))
    assert (content.format, content.size) == ("WEBP", (200, 200))
    assert image.url("thumb", format="jpeg").endswith("-200.jpg")
    assert "1600w" in image.srcset("large")
    assert image.picture("large", sizes="100vw", alt="Dandelions").startswith("<picture><source")


async def test_the_client_that_awaits_does_the_same(api_server: Server, file: bytes):
    async with AsyncClient(api_server.url, api_key=api_server.key) as safelight:
        image = await safelight.upload(file, kind="private-photo", filename="me.jpg", owner="async-user")
        content = await safelight.download(image, "medium")
        listed = [one.id async for one in safelight.list(owner="async-user", page_size=1)]
        await safelight.delete(image.id)

    assert PIL.Image.open(BytesIO(content)).size == (640, 480)
    assert listed == [image.id]


def test_a_list_goes_over_all_pages(safelight: Client):
    ids = [safelight.request(kind="photo", filename="p", size=9, owner="of-many-pages").id for _ in range(12)]

    assert [image.id for image in safelight.list(owner="of-many-pages")] == ids[::-1]


def test_a_browser_can_take_over_with_the_tokens_alone(api_server: Server, safelight: Client, file: bytes, api: Any):
    ticket = safelight.request(kind="private-photo", filename="p.jpg", size=len(file))
    browser = Client(api_server.url)

    fresh = browser.resign(ticket.id, write_token=ticket.write_token)
    api.upload({"method": fresh.method, "url": fresh.url, "headers": fresh.headers}, file)
    browser.confirm(ticket.id, write_token=ticket.write_token)
    image = browser.wait(ticket.id, read_token=ticket.read_token)

    assert image.status is Status.READY
    browser.close()


def test_a_refusal_is_raised_as_what_it_is(safelight: Client, file: bytes):
    ticket = safelight.request(kind="photo", filename="p.jpg", size=9)
    safelight.delete(ticket.id)
    ready = safelight.upload(file, kind="photo")

    for deed, error in (
        (lambda: safelight.upload(file, kind="nothing"), UnknownKind),
        (lambda: safelight.upload(file, kind="photo", content_type="text/html"), TypeNotAccepted),
        (lambda: safelight.request(kind="photo", filename="p", size=10**9), TooLarge),
        (lambda: safelight.get("0" * 32), ImageNotFound),
        (lambda: safelight.confirm(ticket.id), ImageGone),
        (lambda: safelight.resign(ready.id), WrongState),
        (lambda: safelight.confirm(safelight.request(kind="photo", filename="p", size=9).id), UploadFailed),
    ):
        with pytest.raises(error) as caught:
            deed()
        assert caught.value.request_id
        assert caught.value.detail.endswith(".")


def test_a_rejection_has_a_sentence_for_the_user(safelight: Client):
    with pytest.raises(ImageRejected) as caught:
        safelight.upload(b"GIF89a but not really", kind="photo")

    assert caught.value.code in {"truncated", "damaged"}
    assert "Please" in str(caught.value)


def test_a_wrong_key_is_said_to_be_one(api_server: Server):
    key = f"sl_{'0' * 32}_{'x' * 43}"

    with Client(api_server.url, api_key=key) as stranger, pytest.raises(NotAuthenticated):
        stranger.upload(b"x", kind="photo")


@pytest.mark.parametrize("error", sorted(STATUS, key=lambda error: error.code), ids=lambda error: error.code)
def test_every_code_of_the_server_is_known_to_the_client(error: type[errors.SafelightError]):
    if error is errors.ImageRejected:
        return  # its code is the reason, and is never that of a problem document
    assert error.code in BY_CODE


def test_codes_of_http_itself_are_known_or_give_the_base_class():
    leaves = {
        one.code
        for _, one in inspect.getmembers(errors, inspect.isclass)
        if issubclass(one, errors.SafelightError) and "code" in vars(one)
    }

    assert "internal_error" in BY_CODE
    assert leaves - {errors.ImageRejected.code} <= set(BY_CODE)
