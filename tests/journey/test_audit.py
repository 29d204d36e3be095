"""Who did what, and what was refused, can be read while the server runs, and after it has ended."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from credentials import bearer
from safelight.testing.server import Server

Command = Callable[..., subprocess.CompletedProcess[str]]
Events = list[dict[str, Any]]

SLOWLY = {"min_free_bytes": "0", "audit_flush_every": "3600"}
AT_ONCE = {"min_free_bytes": "0", "audit_flush_every": "0.05"}
NOT_FOR_LONG = {"min_free_bytes": "0", "audit_retention": "2", "sweep_every": "0.5"}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server that writes views and refusals at its end alone."""
    with Server(tmp_path / "data", SLOWLY) as server:
        yield server


def audited(command: Command, server: Server, *words: str) -> Events:
    exported = command("audit", "--json", *words, "--data", server.data)
    assert (exported.returncode, exported.stderr) == (0, "")
    return [json.loads(line) for line in exported.stdout.splitlines()]


def actions(events: Events) -> list[str]:
    return [event["action"] for event in events]


def show(server: Server, image: dict[str, Any], token: str | None = None) -> httpx.Response:
    headers = bearer(token) if token else {}
    return httpx.get(f"{server.url}/v1/images/{image['id']}/variants/thumb", headers=headers)


def test_what_was_done_can_be_read_at_once(
    server: Server, call_as_application: Any, file: bytes, command: Command
) -> None:
    with call_as_application(server) as api:
        image = api.ready(file, kind="private-photo", owner="42")
        assert api.http.delete(f"/v1/images/{image['id']}").status_code == 204

    events = audited(command, server, "--image", image["id"])

    assert actions(events)[:4] == ["image.requested", "image.confirmed", "image.ready", "image.deleted"]
    assert {event["owner"] for event in events} == {"42"}
    assert [event["actor"].partition(":")[0] for event in events[:4]] == ["key", "token", "system", "key"]


def test_at_the_end_of_the_server_nothing_that_was_noted_is_lost(
    server: Server, call_as_application: Any, file: bytes, command: Command
) -> None:
    with call_as_application(server) as api:
        image = api.ready(file, kind="private-photo", owner="42")
        shown = [show(server, image, image["read_token"]) for _ in range(20)]
        refused = show(server, image)
    before = audited(command, server, "--owner", "42")

    status = server.stop()
    after = audited(command, server, "--owner", "42")

    assert status == 0
    assert {answer.status_code for answer in shown} == {302}
    assert after[: len(before)] == before
    *views, refusal = after[len(before) :]
    assert [(one["action"], one["result"]) for one in views] == [("image.viewed", "ok")] * 20
    assert {one["request_id"] for one in views} == {answer.headers["x-request-id"] for answer in shown}
    assert (refusal["action"], refusal["result"]) == ("image.viewed", refused.json()["code"])
    assert image["read_token"] not in json.dumps(after)


def test_what_was_done_outlives_a_kill_and_views_of_the_last_period_do_not(
    server: Server, call_as_application: Any, file: bytes, command: Command
) -> None:
    with call_as_application(server) as api:
        image = api.ready(file, kind="private-photo", owner="42")
        assert show(server, image, image["read_token"]).status_code == 302

    server.kill()

    assert actions(audited(command, server, "--owner", "42")) == ["image.requested", "image.confirmed", "image.ready"]


def test_events_come_by_and_by_and_go_when_their_time_is_over(
    tmp_path: Path, command: Command, eventually: Callable[[Callable[[], object]], None]
) -> None:
    with Server(tmp_path / "data", AT_ONCE) as server:
        httpx.get(f"{server.url}/v1/images")

        eventually(lambda: "image.listed" in actions(audited(command, server)))

    with Server(tmp_path / "data", NOT_FOR_LONG) as server:
        eventually(lambda: audited(command, server) == [])


def test_a_reader_may_follow_what_comes(server: Server, call_as_application: Any, file: bytes) -> None:
    """It reads in a process of its own, until Ctrl-C."""
    words = [sys.executable, "-m", "safelight", "audit", "--json", "--follow", "--data", str(server.data)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as reader:  # noqa: S603 - our own program
        assert reader.stdout
        first = json.loads(reader.stdout.readline())
        with call_as_application(server) as api:
            requested = api.request(file)
        then = json.loads(reader.stdout.readline())
        reader.send_signal(signal.SIGINT)
        try:
            status = reader.wait(30)
        finally:
            reader.kill()

    assert first["action"] == "key.created"
    assert (then["action"], then["image_id"]) == ("image.requested", requested["id"])
    assert status == 128 + signal.SIGINT
