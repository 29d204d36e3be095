"""Signing keys that are rotated and retired while the server runs, without a restart."""

import subprocess
import sys
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from credentials import bearer
from safelight.testing.server import Server

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def api(server: Server, call_as_application: Any) -> Any:
    """A caller of a server of the test's own."""
    with call_as_application(server) as api:
        yield api


def key_ids(requested: dict[str, Any]) -> set[str]:
    """Return the ids of the keys that signed the tokens and the upload URL of a REQUEST."""
    in_url = parse_qs(urlsplit(requested["upload"]["url"]).query)["token"]
    return {token.split(".")[1] for token in (requested["write_token"], requested["read_token"], *in_url)}


def show(api: Any, image_id: str, token: str) -> httpx.Response:
    return httpx.get(f"{api.server.url}/v1/images/{image_id}/variants/thumb", headers=bearer(token))


def done(finished: subprocess.CompletedProcess[str]) -> None:
    assert finished.returncode == 0, finished.stderr


def test_what_was_signed_before_a_rotation_is_good_after_it_and_no_more_once_its_key_is_retired(
    api: Any, server: Server, command: Command, file: bytes
) -> None:
    before, unused = (api.request(file, kind="private-photo") for _ in range(2))
    (old,) = key_ids(before)

    done(command("signing-keys", "rotate", "--data", server.data))
    uploaded = api.upload(before["upload"], file).status_code
    confirmed = httpx.post(f"{server.url}/v1/images/{before['id']}/confirm", headers=bearer(before["write_token"]))
    api.final(before["id"])
    shown = show(api, before["id"], before["read_token"])
    (new,) = key_ids(api.request(file))

    assert new != old
    assert (uploaded, confirmed.status_code, shown.status_code) == (201, 202, 302)
    assert parse_qs(urlsplit(shown.headers["location"]).query)["token"][0].split(".")[1] == new
    assert httpx.get(shown.headers["location"]).status_code == 200

    done(command("signing-keys", "retire", old, "--yes", "--data", server.data))
    refused = [
        show(api, before["id"], before["read_token"]),
        api.upload(unused["upload"], file),
        httpx.post(f"{server.url}/v1/images/{unused['id']}/confirm", headers=bearer(unused["write_token"])),
    ]

    assert [(answer.status_code, answer.json()["code"]) for answer in refused] == [(403, "token_invalid")] * 3
    assert httpx.get(shown.headers["location"]).status_code == 200
    assert api.ready(file, kind="private-photo")["status"] == "ready"
    assert "keyring_refused" not in server.log


def test_of_rotations_at_once_no_key_is_lost(api: Any, server: Server, file: bytes) -> None:
    words = [sys.executable, "-m", "safelight", "signing-keys", "rotate", "--data", str(server.data)]
    before = api.request(file)

    rotations = [subprocess.Popen(words, stdout=subprocess.PIPE, text=True) for _ in range(4)]  # noqa: S603 - our own
    said = [rotation.communicate(timeout=120)[0] for rotation in rotations]
    listed = subprocess.run([*words[:4], "list", *words[5:]], capture_output=True, text=True, check=True)  # noqa: S603

    ids = {line.split()[2] for line in said}
    assert [rotation.returncode for rotation in rotations] == [0] * 4
    assert len(ids) == 4
    assert ids | key_ids(before) == {line.split()[0] for line in listed.stdout.splitlines()[1:]}
    assert key_ids(api.request(file)) < ids
    assert api.upload(before["upload"], file).status_code == 201
