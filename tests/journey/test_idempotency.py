"""A POST that is sent again does nothing twice, whatever happens to the server in between."""

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Timer
from typing import Any

import httpx
import pytest

from safelight.testing.server import Server

SETTINGS = {"min_free_bytes": "0"}
WANTED = {"kind": "photo", "filename": "p.jpg", "size": 1000, "content_type": "image/jpeg"}
AT_ONCE = 8
KILLS = 3
EACH = 60


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path / "data", SETTINGS) as server:
        yield server


def ask(server: Server, key: str) -> httpx.Response | None:
    """Send REQUEST with this key; None where no answer came."""
    headers = {"authorization": f"Bearer {server.key}", "idempotency-key": key}
    try:
        return httpx.post(f"{server.url}/v1/images", json=WANTED, headers=headers, timeout=30)
    except httpx.TransportError:
        return None


def states(server: Server) -> dict[str, str]:
    """Return the state of every image, by id."""
    with closing(sqlite3.connect(server.data / "safelight.db")) as database:
        return dict(database.execute("SELECT id, state FROM image"))


def test_an_answer_is_the_same_after_a_restart(server: Server) -> None:
    first = ask(server, "key-1")
    server.stop()
    server.start()
    again = ask(server, "key-1")

    assert first
    assert again
    assert (first.status_code, again.status_code, again.headers["idempotency-replayed"]) == (201, 201, "true")
    assert again.content == first.content
    assert len(states(server)) == 1


def test_confirming_twice_at_once_is_answered_once(api: Any, file: bytes) -> None:
    requested = api.request(file)
    api.upload(requested["upload"], file)
    headers = {"authorization": f"Bearer {requested['write_token']}", "idempotency-key": "confirm-1"}
    path = f"/v1/images/{requested['id']}/confirm"

    with ThreadPoolExecutor(AT_ONCE) as threads:
        answers = list(threads.map(lambda _: api.http.post(path, headers=headers), range(AT_ONCE)))

    confirmed = {answer.content for answer in answers if answer.status_code == 202}
    assert len(confirmed) == 1
    assert {answer.status_code for answer in answers} <= {202, 409}


def test_what_a_client_was_answered_is_never_done_again_however_the_server_is_killed(server: Server) -> None:
    """A kill between the record and its answer may leave a record that nobody was told of: it expires by itself."""
    keys = [f"key-{number}" for number in range(KILLS * EACH)]
    answered: dict[str, bytes] = {}
    for kill in range(KILLS):
        some = keys[kill * EACH : (kill + 1) * EACH]
        dying = Timer(0.05 * (kill + 1), server.kill)
        with ThreadPoolExecutor(AT_ONCE) as threads:
            dying.start()
            for key, answer in zip(some, threads.map(lambda key: ask(server, key), some), strict=True):
                if answer is not None:
                    assert answer.status_code == 201
                    answered[key] = answer.content
        dying.join()
        server.start()

    first = {key: ask(server, key) for key in keys}
    second = {key: ask(server, key) for key in keys}

    told = {key: answer.content for key, answer in first.items() if answer and answer.status_code == 201}
    assert len(answered) < len(keys), "no kill came in between"
    assert told.keys() == set(keys)
    assert {key: answer.content for key, answer in second.items() if answer} == told
    assert {key: told[key] for key in answered} == answered
    untold = len(states(server)) - len(keys)
    assert 0 <= untold <= KILLS * AT_ONCE
    assert set(states(server).values()) == {"requested"}
