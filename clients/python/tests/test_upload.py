import base64
import hashlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from safelight_client import (
    Checksum,
    FileRefused,
    ImageFailed,
    ImageGone,
    ImageRejected,
    NotAllowed,
    Progress,
    Status,
    Step,
    StillProcessing,
    TooLarge,
    UploadFailed,
)

PHOTO = b"\xff\xd8\xff" + bytes(range(256)) * 3000
"""Three quarters of a megabyte: several chunks."""


def only_object(server: Any) -> Any:
    (stored,) = server.objects.values()
    return stored


async def test_one_call_goes_all_the_way_to_a_ready_image(server: Any, safelight: Any, tmp_path: Path) -> None:
    photo = tmp_path / "cat.jpg"
    photo.write_bytes(PHOTO)

    image = await safelight.upload(photo, kind="avatar", attach=("user", 42), owner="42")

    assert image.status is Status.READY
    assert image.url("thumb") == f"https://api.example/v1/images/{image.id}/variants/thumb"
    assert (image.read_token, image.write_token) == (f"read-{image.id}", f"write-{image.id}")
    assert only_object(server).sha256 == hashlib.sha256(PHOTO).hexdigest()
    assert json.loads(server.requests[0].content) == {
        "kind": "avatar",
        "filename": "cat.jpg",
        "size": len(PHOTO),
        "content_type": "image/jpeg",
        "attach": {"type": "user", "id": "42"},
        "owner": "42",
    }


async def test_the_upload_is_sent_just_as_it_was_signed(server: Any, safelight: Any) -> None:
    await safelight.upload(PHOTO, kind="avatar", content_type="image/jpeg")

    (sent,) = server.of("PUT")
    assert sent.headers["content-type"] == "image/jpeg"
    assert sent.headers["if-none-match"] == "*"
    assert sent.headers["content-length"] == str(len(PHOTO))
    assert "transfer-encoding" not in sent.headers


async def test_neither_key_nor_token_goes_to_the_storage(server: Any, safelight: Any) -> None:
    image = await safelight.upload(PHOTO, kind="avatar")
    await safelight.download(image, "thumb")

    to_storage = [one for one in server.requests if one.url.host == "storage.example"]
    assert len(to_storage) == 2
    assert not any("authorization" in one.headers for one in to_storage)


async def test_every_api_call_shows_the_least_that_it_needs(server: Any, safelight: Any) -> None:
    image = await safelight.upload(PHOTO, kind="avatar")

    shown = [
        (one.method, one.url.path.rpartition("/")[2], one.headers["authorization"].removeprefix("Bearer "))
        for one in server.requests
        if one.url.host == "api.example"
    ]
    assert shown[0] == ("POST", "images", "sl_key")
    assert shown[1] == ("POST", "confirm", f"write-{image.id}")
    assert set(shown[2:]) == {("GET", image.id, f"read-{image.id}")}


async def test_without_waiting_the_image_is_returned_as_soon_as_the_server_has_it(server: Any, safelight: Any) -> None:
    heard: list[Progress] = []

    image = await safelight.upload(PHOTO, kind="avatar", wait=False, on_progress=heard.append)

    assert image.status is Status.UPLOADED
    assert server.of("GET") == []
    assert (heard[-1].step, heard[-1].fraction) == (Step.CONFIRMED, 1.0)


async def test_one_progress_runs_over_all_steps_and_never_back(safelight: Any) -> None:
    heard: list[Progress] = []

    await safelight.upload(PHOTO, kind="avatar", on_progress=heard.append)

    assert list(dict.fromkeys(one.step for one in heard)) == list(Step)
    assert [one.fraction for one in heard] == sorted(one.fraction for one in heard)
    assert heard[-1].fraction == 1.0
    sent = [one.bytes_sent for one in heard if one.step is Step.UPLOADING]
    assert len(sent) == 3
    assert sent[-1] == heard[0].bytes_total == len(PHOTO)


async def test_the_long_poll_asks_for_what_is_newer_than_it_saw(server: Any, safelight: Any) -> None:
    await safelight.upload(PHOTO, kind="avatar", on_progress=lambda _: None)

    polls = [(one.headers["prefer"], one.headers["if-none-match"]) for one in server.of("GET")]
    assert polls == [("wait=20", '"2"'), ("wait=20", '"3"')]


async def test_where_nobody_listens_the_end_alone_is_asked_for(server: Any, safelight: Any) -> None:
    await safelight.upload(PHOTO, kind="avatar")

    polls = [(one.headers["prefer"], one.headers.get("if-none-match")) for one in server.of("GET")]
    assert polls == [("wait=20", None)]


async def test_a_long_poll_may_be_silent_for_longer_than_other_calls(server: Any, open_client: Any) -> None:
    safelight = open_client(transport=httpx.MockTransport(server.handle), timeout=7)

    await safelight.upload(PHOTO, kind="avatar")

    assert {one.extensions["timeout"]["read"] for one in server.of("GET")} == {27}
    assert {one.extensions["timeout"]["read"] for one in server.of("PUT")} == {7}


async def test_an_empty_file_is_left_for_the_server_to_refuse(server: Any, safelight: Any, problem: Any) -> None:
    server.plan("POST", problem(422, "empty_file"))

    with pytest.raises(FileRefused) as caught:
        await safelight.upload(b"", kind="avatar")

    assert caught.value.code == "empty_file"


@pytest.mark.parametrize("promised", ["sha256", Checksum("crc32c", "yZRlqg==")])
async def test_a_checksum_is_promised_only_when_asked_for(
    server: Any, safelight: Any, promised: str | Checksum
) -> None:
    await safelight.upload(PHOTO, kind="avatar", checksum=promised)

    expected = {"algorithm": "crc32c", "value": "yZRlqg=="}
    if promised == "sha256":
        expected = {"algorithm": "sha256", "value": base64.b64encode(hashlib.sha256(PHOTO).digest()).decode()}
    assert json.loads(server.requests[0].content)["checksum"] == expected


async def test_the_file_is_read_once_when_nothing_asks_for_more(safelight: Any) -> None:
    class Counting(io.BytesIO):
        taken = 0

        def read(self, size: int | None = -1, /) -> bytes:
            chunk = super().read(size)
            self.taken += len(chunk)
            return chunk

    file = Counting(PHOTO)

    await safelight.upload(file, kind="avatar")

    assert file.taken == len(PHOTO)
    assert not file.closed


async def test_a_form_is_sent_where_the_permission_has_fields(server: Any, safelight: Any) -> None:
    server.fields = {"key": "incoming/1", "policy": "e30="}

    await safelight.upload(PHOTO, kind="avatar", filename='we"ird\r\n.jpg')

    (sent,) = [one for one in server.of("POST") if one.url.host == "storage.example"]
    assert only_object(server).sha256 == hashlib.sha256(PHOTO).hexdigest()
    assert int(sent.headers["content-length"]) == len(sent.content)
    assert sent.content.index(b'name="key"') < sent.content.index(b'name="policy"') < sent.content.index(b'name="file"')
    assert b"we" not in sent.content[: sent.content.index(PHOTO[:3])]


async def test_progress_of_a_form_counts_the_files_bytes_alone(server: Any, safelight: Any) -> None:
    server.fields = {"policy": "e30="}
    heard: list[Progress] = []

    await safelight.upload(PHOTO, kind="avatar", on_progress=heard.append)

    sent = [one.bytes_sent for one in heard if one.step is Step.UPLOADING]
    assert sent == [0, 262_144, 524_288, len(PHOTO), len(PHOTO)]


async def test_a_repeated_request_makes_one_image(server: Any, safelight: Any) -> None:
    server.plan("POST", server.lose)

    await safelight.upload(PHOTO, kind="avatar")

    keys = [one.headers["idempotency-key"] for one in server.of("POST", "/images")]
    assert len(keys) == 2
    assert len(set(keys)) == 1
    assert len(server.records) == 1


async def test_two_uploads_are_two_images(server: Any, safelight: Any) -> None:
    await safelight.upload(PHOTO, kind="avatar")
    await safelight.upload(PHOTO, kind="avatar")

    assert len(server.records) == 2


async def test_a_file_that_a_repeated_try_finds_written_counts_as_written(server: Any, safelight: Any) -> None:
    server.plan("PUT", server.lose)

    image = await safelight.upload(PHOTO, kind="avatar")

    assert image.status is Status.READY
    assert len(server.of("PUT")) == 2


async def test_a_file_that_the_first_try_finds_written_is_an_error(server: Any, safelight: Any, problem: Any) -> None:
    server.plan("PUT", problem(412, "already_written"))

    with pytest.raises(UploadFailed) as caught:
        await safelight.upload(PHOTO, kind="avatar")

    assert caught.value.code == "already_written"


async def test_the_whole_body_is_sent_again_after_a_failure(server: Any, safelight: Any) -> None:
    server.plan("PUT", httpx.ReadError("reset"), httpx.Response(503))
    file = io.BytesIO(b"read already" + PHOTO)
    file.seek(12)

    await safelight.upload(file, kind="avatar")

    assert [one.content for one in server.of("PUT")] == [PHOTO] * 3


async def test_a_permission_that_ran_out_between_tries_is_renewed_once(
    server: Any, safelight: Any, problem: Any
) -> None:
    server.plan("PUT", httpx.ReadError("reset"), problem(403, "token_expired"))

    image = await safelight.upload(PHOTO, kind="avatar")

    assert image.status is Status.READY
    assert list(server.objects) == [f"/incoming/{image.id}.2"]


async def test_a_permission_refused_at_once_is_an_error(server: Any, safelight: Any) -> None:
    denied = b"<Error><Code>AccessDenied</Code><Message>no</Message></Error>"
    server.plan("PUT", httpx.Response(403, content=denied, headers={"Content-Type": "application/xml"}))

    with pytest.raises(UploadFailed, match="403 AccessDenied"):
        await safelight.upload(PHOTO, kind="avatar")

    assert len(server.of("PUT")) == 1


async def test_a_confirm_whose_answer_was_lost_is_repeated(server: Any, safelight: Any) -> None:
    server.plan("POST", server._serve, server.lose)  # noqa: SLF001 - REQUEST goes well, CONFIRM is lost

    image = await safelight.upload(PHOTO, kind="avatar")

    assert image.status is Status.READY


@pytest.mark.parametrize(
    ("refusal", "expected"),
    [((413, "too_large"), TooLarge), ((403, "not_allowed"), NotAllowed), ((422, "quota_exceeded"), FileRefused)],
)
async def test_a_refused_request_says_why_and_sends_no_byte(
    server: Any, safelight: Any, problem: Any, refusal: tuple[int, str], expected: type[Exception]
) -> None:
    server.plan("POST", problem(*refusal))

    with pytest.raises(expected, match=f"Sentence of {refusal[1]}"):
        await safelight.upload(PHOTO, kind="avatar")

    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("ending", "expected"), [("rejected", ImageRejected), ("failed", ImageFailed), ("expired", ImageGone)]
)
async def test_an_image_that_does_not_get_ready_says_what_became_of_it(
    server: Any, safelight: Any, ending: str, expected: type[Exception]
) -> None:
    server.states = ("processing", ending)
    server.error = {"code": "truncated", "message": "The end of this image is missing.", "retryable": False}

    with pytest.raises(expected) as caught:
        await safelight.upload(PHOTO, kind="avatar")

    if ending != "expired":
        assert (caught.value.code, str(caught.value)) == ("truncated", "The end of this image is missing.")
        assert caught.value.image_id in server.records


async def test_a_held_image_is_returned_since_only_its_application_can_go_on(server: Any, safelight: Any) -> None:
    server.states = ("processing", "held")
    heard: list[Progress] = []

    image = await safelight.upload(PHOTO, kind="avatar", on_progress=heard.append)

    assert image.status is Status.HELD
    assert Step.READY not in {one.step for one in heard}


async def test_an_image_that_takes_too_long_can_be_waited_for_later(safelight: Any) -> None:
    with pytest.raises(StillProcessing) as caught:
        await safelight.upload(PHOTO, kind="avatar", timeout=0)

    image = await safelight.wait(caught.value.image_id)

    assert caught.value.retryable
    assert image.status is Status.READY


async def test_a_path_that_is_not_there_is_an_os_error_before_anything_is_asked(
    server: Any, safelight: Any, tmp_path: Path
) -> None:
    with pytest.raises(FileNotFoundError):
        await safelight.upload(tmp_path / "none.jpg", kind="avatar")

    assert server.requests == []


async def test_an_error_of_the_listener_reaches_the_caller(safelight: Any) -> None:
    def interrupt(progress: Progress) -> None:
        if progress.step is Step.UPLOADING:
            raise KeyError("stop")

    with pytest.raises(KeyError):
        await safelight.upload(PHOTO, kind="avatar", on_progress=interrupt)


async def test_a_file_that_is_opened_by_the_client_is_closed_again(
    server: Any, open_client: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Any] = []
    photo = tmp_path / "cat.jpg"
    photo.write_bytes(PHOTO)
    really_open = Path.open

    def noting(path: Path, mode: str) -> Any:
        opened.append(really_open(path, mode))
        return opened[-1]

    monkeypatch.setattr(Path, "open", noting)
    server.plan("PUT", httpx.Response(400))

    with pytest.raises(UploadFailed):
        await open_client(transport=httpx.MockTransport(server.handle)).upload(photo, kind="avatar")

    assert [file.closed for file in opened] == [True]
