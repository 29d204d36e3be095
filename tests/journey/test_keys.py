"""API keys that are made and revoked while the server runs."""

import subprocess
from collections.abc import Callable

import httpx

from credentials import bearer
from safelight.testing.server import Server

Command = Callable[..., subprocess.CompletedProcess[str]]


def test_a_key_is_good_as_soon_as_it_is_made_and_no_more_once_it_is_revoked(server: Server, command: Command) -> None:
    key = command("keys", "create", "office", "--quiet", "--data", server.data).stdout.strip()
    before = _list_images(server, key)
    revoked = command("keys", "revoke", key.split("_")[1], "--data", server.data)

    after = _list_images(server, key)

    assert before == 200
    assert revoked.returncode == 0, revoked.stderr
    assert after == 401


def test_a_key_may_do_no_more_than_its_scopes_say(server: Server, command: Command) -> None:
    key = command("keys", "create", "page", "--scope", "upload", "-q", "--data", server.data).stdout.strip()

    assert _list_images(server, key) == 403


def test_while_a_key_is_rotated_both_are_good_and_then_the_new_one_alone(server: Server, command: Command) -> None:
    old = command("keys", "create", "office", "--scope", "read", "-q", "--data", server.data).stdout.strip()

    new = command("keys", "rotate", old.split("_")[1], "-q", "--data", server.data).stdout.strip()
    meanwhile = [_list_images(server, key) for key in (old, new)]
    newest = command("keys", "rotate", new.split("_")[1], "--overlap", "0m", "-q", "--data", server.data).stdout.strip()
    afterwards = [_list_images(server, key) for key in (new, newest)]

    assert meanwhile == [200, 200]
    assert afterwards == [401, 200]


def _list_images(server: Server, key: str) -> int:
    return httpx.get(f"{server.url}/v1/images", headers=bearer(key)).status_code
