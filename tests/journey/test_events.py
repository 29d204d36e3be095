"""CHECK by server-sent events."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest


def lines_of(answer: httpx.Response) -> Iterator[dict[str, str]]:
    """Yield each event as its fields; a comment is the field with the empty name (WHATWG HTML, 9.2.6)."""
    fields: dict[str, str] = {}
    for line in answer.iter_lines():
        if line:
            name, _, value = line.partition(":")
            fields[name] = fields[name] + "\n" + value.strip() if name in fields else value.strip()
        elif fields:
            yield fields
            fields = {}


def test_events_tell_of_every_change_until_the_end(api: Any, file: bytes):
    requested = api.request(file)

    with api.http.stream("GET", f"/v1/images/{requested['id']}/events") as answer:
        events = (one for one in lines_of(answer) if "data" in one)
        first = next(events)
        api.upload(requested["upload"], file)
        api.confirm(requested["id"])
        rest = list(events)

    reports = [json.loads(one["data"]) for one in (first, *rest)]
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert "no-store" in answer.headers["cache-control"]
    assert {one["event"] for one in (first, *rest)} == {"image"}
    assert [report["status"] for report in (reports[0], reports[-1])] == ["requested", "ready"]
    assert reports[-1] == api.final(requested["id"])
    ids = [int(one["id"]) for one in (first, *rest)]
    assert ids == sorted(set(ids))
    assert [report["progress"] for report in reports] == sorted(report["progress"] for report in reports)


def test_a_silent_stream_is_kept_alive(api: Any, file: bytes):
    requested = api.request(file)

    with api.http.stream("GET", f"/v1/images/{requested['id']}/events") as answer:
        events = lines_of(answer)
        first, second, third = next(events), next(events), next(events)

    assert "data" in first
    assert second == third == {"": "ping"}


def test_an_event_source_shows_its_read_token_in_the_query(api: Any, file: bytes):
    """A browser's EventSource can set no header."""
    report = api.ready(file, kind="private-photo")

    url = f"{api.server.url}/v1/images/{report['id']}/events"
    with httpx.stream("GET", url, params={"read_token": report["read_token"]}) as answer:
        (event,) = lines_of(answer)

    assert json.loads(event["data"])["status"] == "ready"


def test_a_browser_that_has_seen_the_end_is_told_not_to_come_back(api: Any, file: bytes):
    """An EventSource asks again whenever a stream ends, unless it hears 204 (WHATWG HTML, 9.2.3)."""
    path = f"/v1/images/{api.ready(file)['id']}/events"
    with api.http.stream("GET", path) as answer:
        (last,) = lines_of(answer)

    again = api.http.get(path, headers={"last-event-id": last["id"]})
    of_before = api.http.get(path, headers={"last-event-id": "1"})

    assert (again.status_code, again.content) == (204, b"")
    assert (of_before.status_code, of_before.text.count("event: image")) == (200, 1)


@pytest.mark.parametrize(("query", "status"), [({}, 401), ({"read_token": "v1.a.b.c"}, 404)])
def test_nobody_else_hears_anything(api: Any, file: bytes, query: dict[str, str], status: int):
    requested = api.request(file)

    answer = httpx.get(f"{api.server.url}/v1/images/{requested['id']}/events", params=query)

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_listener_that_leaves_is_let_go(api: Any, file: bytes):
    requested = api.request(file)
    for _ in range(5):
        with api.http.stream("GET", f"/v1/images/{requested['id']}/events") as answer:
            next(lines_of(answer))

    api.upload(requested["upload"], file)
    api.confirm(requested["id"])

    assert api.final(requested["id"])["status"] == "ready"
    assert "request_broke" not in api.server.log
