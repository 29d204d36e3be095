"""Owners on a real server: the last place of a quota, kills, and a block in the middle of everything."""

import asyncio
import sqlite3
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import httpx
import pytest

from credentials import bearer
from safelight.testing.server import Server

Command = Callable[..., subprocess.CompletedProcess[str]]
Eventually = Callable[[Callable[[], object]], None]

AT_ONCE = 1000
KILLED_AFTER = 60
SIZE = 1000
WANTED = {"kind": "photo", "filename": "p.jpg", "size": SIZE, "content_type": "image/jpeg", "owner": "anna"}
PLENTY = {"owner_requests_per_minute": "1000000", "owner_open_uploads": "1000000", "min_free_bytes": "0"}

NOTED = "SELECT images, bytes, open_uploads FROM owner WHERE id = 'anna'"
COUNTED = (
    "SELECT count(*), coalesce(sum(declared_bytes), 0), coalesce(sum(state = 'requested'), 0) FROM image "
    "WHERE owner = 'anna' AND state NOT IN ('rejected', 'expired', 'deleted')"
)


def asked(server: Server, query: str) -> list[tuple[Any, ...]]:
    """Return what the database says, whether the server runs or not."""
    with closing(sqlite3.connect(f"file:{server.data}/safelight.db?mode=ro", uri=True)) as database:
        return database.execute(query).fetchall()


async def request_at_once(server: Server, times: int) -> list[httpx.Response]:
    """Send so many REQUESTs for the same owner at once, each on a connection of its own."""
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(
        base_url=server.url, headers=bearer(server.key), timeout=120, limits=limits, trust_env=False
    ) as http:
        return await asyncio.gather(*(http.post("/v1/images", json=WANTED) for _ in range(times)))


def test_of_a_thousand_requests_at_once_one_gets_the_last_place(
    start_server: Callable[..., Server], call_as_application: Any
) -> None:
    server = start_server(**PLENTY, owner_images="3")
    with call_as_application(server) as api:
        for _ in range(2):
            assert api.http.post("/v1/images", json=WANTED).status_code == 201

        answers = asyncio.run(request_at_once(server, AT_ONCE))

        shown = api.http.get("/v1/owners/anna").json()
    refusals = [answer.json() for answer in answers if answer.status_code != 201]
    facts = {(said["status"], said["code"], said["what"], said["used"], said["allowed"]) for said in refusals}
    assert len(refusals) == AT_ONCE - 1
    assert facts == {(422, "quota_exceeded", "images", 3, 3)}
    assert (shown["images"], shown["bytes"], shown["open_uploads"]) == (3, 3 * SIZE, 3)
    assert asked(server, NOTED) == asked(server, "SELECT count(*), sum(declared_bytes), count(*) FROM image")
    assert asked(server, NOTED) == [(3, 3 * SIZE, 3)]


def test_of_many_files_at_once_no_more_are_taken_than_there_is_room_for(
    start_server: Callable[..., Server],
) -> None:
    server = start_server(**PLENTY, owner_bytes=str(10 * SIZE + SIZE - 1))

    answers = asyncio.run(request_at_once(server, 100))

    assert Counter(answer.status_code for answer in answers) == {201: 10, 422: 90}
    assert asked(server, NOTED) == asked(server, COUNTED) == [(10, 10 * SIZE, 10)]


def test_a_rate_is_exact_and_its_refusals_say_when_there_is_more(start_server: Callable[..., Server]) -> None:
    server = start_server(**PLENTY | {"owner_requests_per_minute": "7"})
    begun = int(time.time()) // 60

    answers = asyncio.run(request_at_once(server, 60))

    minutes = int(time.time()) // 60 - begun + 1
    taken, refused = ([a for a in answers if a.status_code == status] for status in (201, 429))
    assert len(taken) + len(refused) == 60
    assert 7 <= len(taken) <= 7 * minutes
    assert {answer.headers["ratelimit-policy"] for answer in answers} == {'"owner";q=7;w=60'}
    assert all(1 <= int(answer.headers["retry-after"]) <= 60 for answer in refused)
    left = Counter(int(answer.headers["ratelimit"].split(";")[1].removeprefix("r=")) for answer in taken)
    assert left.keys() == set(range(7))
    assert max(left.values()) <= minutes


def test_what_is_noted_is_what_is_counted_whenever_the_server_is_killed(
    start_server: Callable[..., Server], command: Command
) -> None:
    server = start_server(**PLENTY)

    def come_and_go(number: int) -> None:
        with httpx.Client(base_url=server.url, headers=bearer(server.key), timeout=20) as http:
            while True:
                try:
                    made = http.post("/v1/images", json=WANTED | {"size": number + 1}).json()
                    answered.append(made["id"])
                    if len(answered) % 3:
                        http.delete(f"/v1/images/{made['id']}")
                except httpx.TransportError:
                    return

    for kill in range(3):
        answered: list[str] = []
        with ThreadPoolExecutor(8) as threads:
            going = [threads.submit(come_and_go, number) for number in range(8)]
            while len(answered) < KILLED_AFTER + 7 * kill:
                time.sleep(0.002)
            server.kill()
            for one in going:
                one.result()

        assert asked(server, NOTED) == asked(server, COUNTED)
        assert asked(server, NOTED)[0][0] > 0
        server.start()

    examined = command("doctor", "--data", server.data)
    assert "what 1 owners use is what is counted" in examined.stdout, examined.stdout


@dataclass
class Uploads:
    """What anna has: one image that is ready, some that wait, one whose bytes came, and one whose bytes never come."""

    api: Any
    ready: dict[str, Any]
    waiting: list[dict[str, Any]]
    came: dict[str, Any]
    never_came: dict[str, Any]

    @classmethod
    def begin(cls, api: Any, small: bytes, large: bytes) -> Self:
        ready = api.ready(small, owner="anna")
        waiting = [api.uploaded(large, owner="anna") for _ in range(4)]
        came, never_came = (api.request(small, owner="anna") for _ in range(2))
        assert api.upload(came["upload"], small).status_code == 201
        return cls(api, ready, waiting, came, never_came)

    def statuses(self) -> list[str]:
        images = (self.ready, *self.waiting, self.came, self.never_came)
        return [self.api.http.get(f"/v1/images/{image['id']}").json()["status"] for image in images]

    def tries(self) -> set[tuple[int, str]]:
        """Return what is answered to all that a blocked owner may try."""
        path, token = f"/v1/images/{self.came['id']}", bearer(self.came["write_token"])
        answers = [
            self.api.http.post("/v1/images", json=WANTED),
            self.api.http.post(f"{path}/upload", headers=token),
            self.api.http.post(f"{path}/confirm", headers=token),
            self.api.http.post(f"{path}/confirm"),
            self.api.http.delete(path, headers=token),
        ]
        return {(answer.status_code, answer.json()["code"]) for answer in answers}


@pytest.fixture
def api(start_server: Callable[..., Server], call_as_application: Any) -> Iterator[Any]:
    """A caller of a server that renders one image at a time, and soon sees what is to be seen to."""
    soon = {"upload_ttl": "8", "body_timeout": "2", "orphan_grace": "1", "sweep_every": "1", "reconcile_every": "0.5"}
    with call_as_application(start_server(slots="1", min_free_bytes="0", **soon)) as api:
        yield api


def test_a_block_in_the_middle_of_uploads_keeps_all_and_its_end_lets_all_become_ready(
    api: Any, command: Command, eventually: Eventually, photo: Path, file: bytes
) -> None:
    uploads = Uploads.begin(api, file, photo.read_bytes())
    eventually(lambda: "processing" in uploads.statuses())

    blocked = api.http.post("/v1/owners/anna/block").json()
    tries = uploads.tries()
    eventually(lambda: "processing" not in uploads.statuses())
    at_rest = uploads.statuses()
    others = api.ready(file, owner="bert")["status"]
    over = datetime.fromisoformat(uploads.never_came["expires_at"]) + timedelta(seconds=6)
    eventually(lambda: datetime.now(UTC) > over)

    assert (blocked["images"], blocked["open_uploads"]) == (7, 2)
    assert tries == {(403, "owner_blocked")}
    assert others == "ready"
    assert at_rest.count("uploaded") >= 2
    assert at_rest[-2:] == ["requested", "requested"]
    assert uploads.statuses() == at_rest
    assert httpx.get(uploads.ready["variants"]["thumb"]["renditions"][0]["url"]).status_code == 200
    assert asked(api.server, NOTED) == asked(api.server, COUNTED)

    unblocked = command("owners", "unblock", "anna", "--data", api.server.data)
    eventually(lambda: uploads.statuses() == ["ready"] * 6 + ["expired"])

    assert unblocked.stdout == "Unblocked anna.\n"
    assert asked(api.server, "SELECT max(attempt) FROM image") == [(1,)]
    assert asked(api.server, NOTED) == asked(api.server, COUNTED)
    assert asked(api.server, "SELECT images, open_uploads FROM owner WHERE id = 'anna'") == [(6, 0)]


def test_a_block_by_the_command_line_holds_beside_the_running_server_and_after_a_kill(
    api: Any, command: Command, file: bytes
) -> None:
    made = api.request(file, owner="auth0|a/b")
    blocked = command("owners", "block", "auth0|a/b", "--data", api.server.data)
    refused = api.http.post(f"/v1/images/{made['id']}/upload", headers=bearer(made["write_token"]))
    api.server.kill()
    api.server.start()

    shown = api.http.get("/v1/owners/auth0%7Ca%2Fb").json()
    still_refused = api.http.post("/v1/images", json=WANTED | {"owner": "auth0|a/b"})
    listed = command("owners", "list", "--blocked", "--data", api.server.data)
    audit = asked(api.server, "SELECT action, actor, owner FROM audit_event WHERE target = 'owner:auth0|a/b'")

    assert blocked.stdout.startswith("Blocked auth0|a/b. It has 1 images")
    assert [one.json()["code"] for one in (refused, still_refused)] == ["owner_blocked"] * 2
    assert (shown["id"], shown["images"], bool(shown["blocked_at"])) == ("auth0|a/b", 1, True)
    assert listed.stdout.splitlines()[1].endswith(" auth0|a/b")
    assert audit == [("owner.blocked", "system", "auth0|a/b")]
