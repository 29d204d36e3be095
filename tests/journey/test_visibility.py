"""Switching images between public and protected, against the real server."""

import random
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from threading import Event
from typing import Any

import httpx
import pytest

from credentials import bearer
from safelight.testing.server import Server

IMAGES = 8
KILLS = 3
ANSWERS_BETWEEN_KILLS = 15
SETTLED_WITHIN_S = 30


def switch(api: Any, image_id: str, *, public: bool) -> httpx.Response:
    answer: httpx.Response = api.http.put(f"/v1/images/{image_id}/visibility", json={"public": public})
    return answer


def urls(report: dict[str, Any]) -> list[str]:
    return [one["url"] for variant in report["variants"].values() for one in variant["renditions"]]


def test_old_public_urls_lead_nowhere_and_the_protected_ones_lead_there(api: Any, file: bytes):
    image = api.ready(file)
    old = urls(image)
    before = api.http.get(f"/v1/images/{image['id']}").headers["etag"]
    assert {httpx.get(url).status_code for url in old} == {200}

    answer = switch(api, image["id"], public=False)

    said = answer.json()
    reader = bearer(image["read_token"])
    assert (answer.status_code, said["image"]["public"]) == (200, False)
    assert answer.headers["etag"] != before
    assert sorted(said["old_urls"]) == sorted(old)
    assert "Purge" in said["note"]
    assert {httpx.get(url).status_code for url in old} == {404}
    assert {httpx.get(url).status_code for url in urls(said["image"])} == {401}
    assert {httpx.get(url, headers=reader, follow_redirects=True).status_code for url in urls(said["image"])} == {200}


def test_a_protected_image_that_is_made_public_has_direct_urls(api: Any, file: bytes):
    image = api.ready(file, kind="private-photo")
    thumb = f"{api.server.url}/v1/images/{image['id']}/variants/thumb"
    reader = bearer(image["read_token"])
    signed = httpx.get(thumb, headers=reader).headers["location"]

    said = switch(api, image["id"], public=True).json()

    assert said["image"]["public"]
    assert said["old_urls"] == []
    assert all("/public/" in url for url in urls(said["image"]))
    assert {httpx.get(url).status_code for url in urls(said["image"])} == {200}
    assert httpx.get(signed).status_code == 404


def test_the_second_time_changes_nothing(api: Any, file: bytes):
    image = api.ready(file)

    first, second = [switch(api, image["id"], public=False) for _ in range(2)]

    assert second.status_code == 200
    assert second.json() == first.json()
    assert second.headers["etag"] == first.headers["etag"]


def test_an_image_that_is_not_ready_is_not_switched(api: Any, file: bytes):
    requested = api.request(file)

    answer = switch(api, requested["id"], public=False)

    assert (answer.status_code, answer.json()["code"]) == (409, "wrong_state")


@pytest.mark.parametrize("body", [{}, {"public": "no"}, {"public": None}, {"public": True, "more": 1}, []], ids=str)
def test_a_body_that_makes_no_sense_is_refused(api: Any, file: bytes, body: object):
    image = api.request(file)

    answer = api.http.put(f"/v1/images/{image['id']}/visibility", json=body)

    assert (answer.status_code, answer.json()["code"]) == (422, "request_invalid")


def test_reprocessing_and_switching_at_once_loses_nothing(api: Any, file: bytes, eventually: Any):
    images = [api.ready(file)["id"] for _ in range(4)]

    with ThreadPoolExecutor(8) as threads:
        again = [threads.submit(api.http.post, f"/v1/images/{one}/reprocess") for one in images]
        switched = [threads.submit(switch, api, one, public=False) for one in images]
    answers = [one.result().status_code for one in (*again, *switched)]

    assert set(answers) <= {200, 202, 409}
    for one in images:
        eventually(lambda one=one: switch(api, one, public=False).status_code == 200)
        report = api.http.get(f"/v1/images/{one}").json()
        found = {api.http.get(url, follow_redirects=True).status_code for url in urls(report)}
        assert (report["status"], found) == ("ready", {200})


class Switcher:
    """Switches images back and forth, from several threads, until it is over, however often the server dies."""

    def __init__(self, api: Any, ids: list[str]) -> None:
        self._api = api
        self._ids = ids
        self.answered: list[int] = []
        self.over = Event()

    def __call__(self, seed: int) -> None:
        chance = random.Random(seed)
        while not self.over.is_set():
            try:
                answer = switch(self._api, chance.choice(self._ids), public=chance.random() < 0.5)
            except httpx.TransportError:
                self.over.wait(0.05)  # the server is down: it will be started again
            else:
                self.answered.append(answer.status_code)


def kill_at_random_moments(server: Server, switcher: Switcher) -> None:
    chance = random.Random(7)
    for number in range(1, KILLS + 1):
        while len(switcher.answered) < number * ANSWERS_BETWEEN_KILLS:
            time.sleep(0.005)
        time.sleep(chance.uniform(0, 0.05))
        server.kill()
        server.start()
    switcher.over.set()


def test_whatever_is_killed_every_image_is_whole_on_one_side(
    start_server: Callable[..., Server], call_as_application: Any, picture: Callable[[int], bytes]
):
    server = start_server(reconcile_every="0.5", min_free_bytes="0")
    with call_as_application(server) as api:
        ids = [api.ready(picture(number))["id"] for number in range(IMAGES)]
        switcher = Switcher(api, ids)

        with ThreadPoolExecutor(5) as threads:
            killing = threads.submit(kill_at_random_moments, server, switcher)
            list(threads.map(switcher, range(4)))
            killing.result()
        deadline = time.monotonic() + SETTLED_WITHIN_S
        while wrong_files(server) and time.monotonic() < deadline:
            time.sleep(0.1)

        assert set(switcher.answered) <= {200, 409}
        assert wrong_files(server) == set()
        for one in ids:
            report = api.http.get(f"/v1/images/{one}").json()
            assert {api.http.get(url, follow_redirects=True).status_code for url in urls(report)} == {200}


def wrong_files(server: Server) -> set[str]:
    """Return the renditions that lie where the record does not say, and those that do not lie where it says."""
    with closing(sqlite3.connect(f"file:{server.data}/safelight.db?mode=ro", uri=True)) as database:
        rows = database.execute(
            "SELECT image.public, image_id, variant, fingerprint, rendition.width,"
            " CASE format WHEN 'jpeg' THEN 'jpg' ELSE format END FROM rendition JOIN image ON image.id = image_id"
        ).fetchall()
    sides = ("private", "public")
    noted = {f"{sides[row[0]]}/{row[1]}/{row[2]}-{row[3]}-{row[4]}.{row[5]}" for row in rows}
    there = {
        "/".join((side, *path.parts[-2:]))
        for side in sides
        for path in server.stored(f"objects/{side}")
        if path.name != "original"
    }
    return noted ^ there
