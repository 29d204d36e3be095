"""Several hosts on one Postgres and one S3: which of them is called, or works, makes no difference."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from credentials import bearer
from safelight.testing.ceph import CephServer
from safelight.testing.cluster import Cluster, Size
from safelight.testing.postgres import PostgresServer
from safelight.testing.program import Program
from safelight.testing.server import API_KEY

KINDS = """
from safelight import Kind, cover, fit

photo = Kind("photo", public=True, variants={"thumb": cover(96, 96)})
poster = Kind("poster", public=True, variants={"wall": fit(widths=[800, 1600], formats="webp avif jpeg")})
private_photo = Kind("private-photo", variants={"thumb": cover(96, 96)})
"""
QUOTA = 7
HEARD_WITHIN_S = 2.0
"""Usually some milliseconds. A signal that was lost would be noticed at the end of the poll, or the ping, of 20 s."""
HANDED_ON_WITHIN_S = 60


@dataclass(frozen=True)
class Host:
    """One API, called by its own address."""

    url: str
    key: str = API_KEY


@dataclass(frozen=True)
class Hosts:
    """All of them, and what they stand on."""

    cluster: Cluster
    postgres: PostgresServer
    ceph: CephServer
    one: Any
    other: Any


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory, call_as_application: Any) -> Iterator[Hosts]:
    folder = tmp_path_factory.mktemp("hosts")
    (folder / "images.py").write_text(KINDS)
    settings = {"owner_images": str(QUOTA), "max_wait": "20", "events_ping": "20", "slots": "1", "stop_grace": "0.1"}
    with ExitStack() as stack:
        postgres = stack.enter_context(PostgresServer(durable=True))
        ceph = stack.enter_context(CephServer())
        cluster = stack.enter_context(
            Cluster(
                folder,
                postgres=postgres,
                database="hosts",
                kinds=folder / "images.py",
                ceph=ceph,
                size=Size(apis=2, workers=2),
                settings=settings,
            )
        )
        one, other = (stack.enter_context(call_as_application(Host(api.url))) for api in cluster.apis)
        yield Hosts(cluster, postgres, ceph, one, other)


def test_a_long_poll_at_one_host_hears_at_once_of_what_another_host_confirmed_and_a_worker_ended(
    hosts: Hosts, file: bytes
) -> None:
    requested = hosts.one.request(file)
    hosts.one.upload(requested["upload"], file)

    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(_final, hosts.one, requested["id"])
        confirmed = hosts.other.confirm(requested["id"], requested["write_token"])
        report, heard_at = waiting.result()

    assert confirmed.status_code == 202
    assert report["status"] == "ready"
    assert (heard_at - datetime.fromisoformat(report["ready_at"])).total_seconds() < HEARD_WITHIN_S


def test_an_event_stream_at_one_host_tells_of_what_happens_through_another(hosts: Hosts, file: bytes) -> None:
    requested = hosts.one.request(file)
    hosts.one.upload(requested["upload"], file)

    with hosts.other.http.stream("GET", f"/v1/images/{requested['id']}/events") as answer:
        told = (json.loads(line[5:]) for line in answer.iter_lines() if line.startswith("data:"))
        first = next(told)
        hosts.one.confirm(requested["id"])
        *_, last = told
        heard_at = datetime.now(UTC)

    assert (first["status"], last["status"]) == ("requested", "ready")
    assert (heard_at - datetime.fromisoformat(last["ready_at"])).total_seconds() < HEARD_WITHIN_S


def test_one_idempotency_key_at_two_hosts_at_once_makes_one_image(hosts: Hosts, file: bytes) -> None:
    wanted = {"kind": "photo", "filename": "p.jpg", "size": len(file), "content_type": "image/jpeg", "owner": "twice"}
    headers = {"idempotency-key": "the-same-key"}

    with ThreadPoolExecutor(8) as threads:
        apis = [hosts.one, hosts.other] * 4
        at_once = [*threads.map(lambda api: api.http.post("/v1/images", json=wanted, headers=headers), apis)]
    again = [api.http.post("/v1/images", json=wanted, headers=headers) for api in (hosts.one, hosts.other)]
    there = hosts.one.http.get("/v1/images", params={"owner": "twice"}).json()["images"]

    assert {answer.status_code for answer in at_once} <= {201, 409}
    assert [answer.status_code for answer in again] == [201, 201]
    assert {answer.content for answer in (*at_once, *again) if answer.status_code == 201} == {again[0].content}
    assert [image["id"] for image in there] == [again[0].json()["id"]]


def test_a_quota_is_exact_though_two_hosts_are_asked_at_once(hosts: Hosts, file: bytes) -> None:
    wanted = {"kind": "photo", "filename": "p.jpg", "size": len(file), "content_type": "image/jpeg", "owner": "many"}

    with ThreadPoolExecutor(12) as threads:
        answers = [*threads.map(lambda api: api.http.post("/v1/images", json=wanted), [hosts.one, hosts.other] * 12)]

    codes = Counter(answer.json().get("code", "created") for answer in answers)
    assert codes == {"created": QUOTA, "quota_exceeded": 24 - QUOTA}


def test_what_a_worker_has_under_way_when_it_is_stopped_goes_on_at_another_within_seconds(
    hosts: Hosts, photo: Path, eventually: Callable[[Callable[[], object]], None]
) -> None:
    """Both workers are busy for seconds; one has to stop at once, in the middle of an image."""
    content = photo.read_bytes()
    uploaded = [hosts.one.uploaded(content, kind="poster")["id"] for _ in range(4)]
    eventually(lambda: [_status(hosts.one, image_id) for image_id in uploaded].count("processing") == 2)
    stopped = hosts.cluster.workers[0]

    begun = time.monotonic()
    status = stopped.stop()
    reports = [_final(hosts.one, image_id)[0] for image_id in uploaded]
    took = time.monotonic() - begun
    stopped.start()

    assert status == 0
    assert [report["status"] for report in reports] == ["ready"] * 4
    assert took < HANDED_ON_WITHIN_S
    lines = [line for worker in hosts.cluster.workers for line in worker.log.splitlines() if "image_processed" in line]
    tries = [line for line in lines if any(image_id in line for image_id in uploaded)]
    assert [" attempt=1 " in line for line in tries] == [True] * 4, "a try that was handed back counts as none"


def test_a_long_poll_that_outlasts_its_host_is_told_to_ask_again(hosts: Hosts, file: bytes) -> None:
    """The wait is longer than the grace that a host has to end."""
    requested = hosts.one.request(file)
    stopped = hosts.cluster.apis[0]
    url = f"{stopped.url}/v1/images/{requested['id']}"

    with ThreadPoolExecutor(1) as threads:
        headers = {**bearer(API_KEY), "prefer": "wait=20"}
        waiting = threads.submit(httpx.get, url, headers=headers, timeout=60)
        time.sleep(1)  # nothing tells from outside that it waits
        status = stopped.stop()
        answer = waiting.result()
    stopped.start()

    assert status == 0
    assert (answer.status_code, answer.json()["code"]) == (503, "busy")
    assert answer.headers["retry-after"]


@pytest.mark.parametrize("server", ["postgres", "ceph"])
def test_every_part_says_that_it_is_not_ready_while_what_it_needs_is_away(
    hosts: Hosts, server: str, file: bytes, eventually: Callable[[Callable[[], object]], None]
) -> None:
    parts = hosts.cluster.parts
    needed: PostgresServer | CephServer = getattr(hosts, server)
    eventually(lambda: [_readiness(part) for part in parts] == [200] * len(parts))

    needed.kill()
    eventually(lambda: [_readiness(part) for part in parts] == [503] * len(parts))
    needed.start()

    eventually(lambda: [_readiness(part) for part in parts] == [200] * len(parts))
    assert [httpx.get(f"{part.url}/healthz").status_code for part in parts] == [200] * len(parts)
    assert hosts.one.ready(file)["status"] == "ready"


def test_signing_keys_that_are_rotated_are_used_by_every_host_and_the_old_ones_go_on(
    hosts: Hosts, file: bytes, eventually: Callable[[Callable[[], object]], None]
) -> None:
    before = hosts.one.request(file, kind="private-photo")

    hosts.cluster.run("signing-keys", "rotate")
    eventually(
        lambda: {_signed_by(api.request(file)) for api in (hosts.one, hosts.other)}.isdisjoint({_signed_by(before)})
    )
    hosts.one.upload(before["upload"], file)
    confirmed = hosts.other.confirm(before["id"], before["write_token"])
    report, _ = _final(hosts.other, before["id"])
    url = f"{hosts.other.server.url}/v1/images/{before['id']}/variants/thumb"
    shown = httpx.get(url, headers=bearer(before["read_token"]))

    assert (confirmed.status_code, report["status"], shown.status_code) == (202, "ready", 302)
    assert httpx.get(shown.headers["location"]).status_code == 200
    assert _signed_by(hosts.one.request(file)) == _signed_by(hosts.other.request(file))


def _final(api: Any, image_id: str) -> tuple[dict[str, Any], datetime]:
    """Return what CHECK says in the end, and when that was heard."""
    return api.final(image_id), datetime.now(UTC)


def _status(api: Any, image_id: str) -> str:
    status: str = api.http.get(f"/v1/images/{image_id}").json()["status"]
    return status


def _readiness(part: Program) -> int:
    return httpx.get(f"{part.url}/readyz", timeout=20).status_code


def _signed_by(requested: dict[str, Any]) -> str:
    token: str = requested["write_token"]
    return token.split(".")[1]
