"""CHECK by poll and by long poll."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest


def test_a_poll_names_the_revision_and_when_to_come_back(api: Any, file: bytes):
    requested = api.request(file)

    answer = api.http.get(f"/v1/images/{requested['id']}")
    again = api.http.get(f"/v1/images/{requested['id']}", headers={"if-none-match": answer.headers["etag"]})

    assert (answer.status_code, answer.json()["status"], answer.json()["progress"]) == (200, "requested", 0.0)
    assert (answer.headers["retry-after"], answer.headers["cache-control"]) == ("1", "private, no-cache")
    assert (again.status_code, again.content) == (304, b"")
    assert (again.headers["etag"], again.headers["retry-after"]) == (answer.headers["etag"], "1")


def test_an_etag_of_before_gives_the_news(api: Any, file: bytes):
    requested = api.request(file)
    before = api.http.get(f"/v1/images/{requested['id']}").headers["etag"]
    api.upload(requested["upload"], file)
    api.confirm(requested["id"])
    report = api.final(requested["id"])

    answer = api.http.get(f"/v1/images/{requested['id']}", headers={"if-none-match": before})
    final = api.http.get(f"/v1/images/{requested['id']}", headers={"if-none-match": answer.headers["etag"]})

    assert (answer.status_code, answer.json()) == (200, report)
    assert final.status_code == 304
    assert "retry-after" not in final.headers


@pytest.mark.parametrize("etag", ["*", '"r1"', 'W/"x"', "r1", 'W/"r99999999999999999999"', ""])
def test_an_etag_that_is_none_of_ours_is_news(api: Any, file: bytes, etag: str):
    requested = api.request(file)

    answer = api.http.get(f"/v1/images/{requested['id']}", headers={"if-none-match": etag})

    assert answer.status_code == 200


def test_a_long_poll_ends_when_the_image_is_final(api: Any, file: bytes):
    requested = api.uploaded(file)

    answer = api.http.get(f"/v1/images/{requested['id']}", headers={"prefer": "respond-async, wait=20"})

    assert answer.json()["status"] == "ready"


def test_a_long_poll_with_an_etag_ends_at_the_first_change(api: Any, file: bytes):
    requested = api.request(file)
    path = f"/v1/images/{requested['id']}"
    headers = {"prefer": "wait=20", "if-none-match": api.http.get(path).headers["etag"]}

    with ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(api.http.get, path, headers=headers)
        resigned = api.http.delete(path)
        answer = waiting.result()

    assert resigned.status_code == 204
    assert (answer.status_code, answer.json()["status"]) == (200, "deleted")


def test_a_long_poll_without_news_ends_in_time(api: Any, file: bytes):
    requested = api.request(file)
    path = f"/v1/images/{requested['id']}"
    headers = {"prefer": "wait=1", "if-none-match": api.http.get(path).headers["etag"]}
    begun = time.monotonic()

    answer = api.http.get(path, headers=headers)

    assert answer.status_code == 304
    assert 1 <= time.monotonic() - begun < 10


@pytest.mark.parametrize(
    "prefer", ["wait", "wait=", "wait=-1", "wait=1e3", "wait=99999999", "WAIT=1", "awaits=5", "wait =1"]
)
def test_a_wish_that_cannot_be_read_is_no_wish(api: Any, file: bytes, prefer: str):
    requested = api.request(file)
    begun = time.monotonic()

    answer = api.http.get(f"/v1/images/{requested['id']}", headers={"prefer": prefer})

    assert answer.status_code == 200
    assert time.monotonic() - begun < 10


def test_many_can_wait_for_one_image(api: Any, file: bytes):
    requested = api.request(file)

    with ThreadPoolExecutor(20) as threads:
        waiting = [threads.submit(api.final, requested["id"]) for _ in range(20)]
        api.upload(requested["upload"], file)
        api.confirm(requested["id"])
        reports = [one.result() for one in waiting]

    assert {report["status"] for report in reports} == {"ready"}
