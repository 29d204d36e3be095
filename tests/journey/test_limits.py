"""Limits of one address and of one read token, on a server that has small ones."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

import safelight_client
from credentials import bearer
from safelight.testing.server import Server

CALLS, BAD_KEYS, DOWNLOADS, BY_TOKEN = 8, 4, 10, 6
MISSING = f"/v1/images/{'f' * 32}"
WRONG_KEY = f"sl_{'0' * 32}_{'w' * 43}"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server behind a proxy on this machine, so that a test can call from whatever address."""
    settings = {
        "min_free_bytes": "0",
        "trusted_proxies": "127.0.0.1",
        "address_calls_per_minute": str(CALLS),
        "address_bad_keys_per_minute": str(BAD_KEYS),
        "address_downloads_per_minute": str(DOWNLOADS),
        "token_downloads_per_minute": str(BY_TOKEN),
    }
    with Server(tmp_path_factory.mktemp("limits") / "data", settings) as server:
        yield server


@pytest.fixture(scope="module", autouse=True)
def images(server: Server, file: bytes, call_as_application: Any) -> dict[str, dict[str, Any]]:
    """A public and a protected image, ready, sent by an application that has an address like any other.

    Before any test: from that address comes one that gives wrong keys, too, and shuts it out for a minute.
    """
    with call_as_application(server) as api:
        return {kind: api.ready(file, kind=kind) for kind in ("photo", "private-photo")}


@pytest.fixture
def statuses(server: Server) -> Callable[..., list[int]]:
    """Makes the same call several times from an address and returns the statuses."""

    def call(times: int, path: str, *, address: str, **request: Any) -> list[int]:
        headers = {"x-forwarded-for": address, **request.pop("headers", {})}
        with httpx.Client(base_url=server.url, headers=headers) as http:
            return [http.get(path, **request).status_code for _ in range(times)]

    return call


def test_an_address_is_refused_where_another_is_not(server: Server, statuses: Any):
    once_too_often = statuses(CALLS + 1, MISSING, address="192.0.2.1")
    refused = httpx.get(server.url + MISSING, headers={"x-forwarded-for": "192.0.2.1"})
    another = statuses(1, MISSING, address="192.0.2.2")

    assert once_too_often == [401] * CALLS + [429]
    assert refused.json()["code"] == "too_many_requests"
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert refused.headers["ratelimit"] == f'"address";r=0;t={refused.headers["retry-after"]}'
    assert refused.headers["x-request-id"] == refused.json()["request_id"]
    assert another == [401]


def test_addresses_of_one_ipv6_network_are_one_client(statuses: Any):
    one = statuses(CALLS, MISSING, address="2001:db8:0:1::1")
    neighbour = statuses(1, MISSING, address="2001:db8:0:1:aaaa::2")
    network_beside = statuses(1, MISSING, address="2001:db8:0:2::1")

    assert (one, neighbour, network_beside) == ([401] * CALLS, [429], [401])


def test_what_a_client_says_of_its_own_address_is_not_believed(statuses: Any):
    """A proxy adds the address that it saw at the end; what stands before may be invented."""
    seen = [statuses(1, MISSING, address=f"198.51.100.{number}, 192.0.2.3") for number in range(CALLS + 1)]

    assert seen == [[401]] * CALLS + [[429]]


def test_keys_that_open_nothing_shut_out_an_address_but_not_the_application(server: Server, statuses: Any):
    wrong = statuses(BAD_KEYS + 1, "/v1/images", address="192.0.2.4", headers=bearer(WRONG_KEY))
    right = statuses(2 * CALLS, "/v1/images", address="192.0.2.5", headers=bearer(server.key))

    assert wrong == [401] * BAD_KEYS + [429]
    assert right == [200] * 2 * CALLS


def test_files_are_counted_by_the_address_that_fetches_them(images: dict[str, Any], statuses: Any):
    url = images["photo"]["variants"]["thumb"]["renditions"][0]["url"]

    assert statuses(DOWNLOADS + 1, url, address="192.0.2.6") == [200] * DOWNLOADS + [429]
    assert statuses(1, url, address="192.0.2.7") == [200]


def test_a_read_token_is_counted_wherever_it_is_used(images: dict[str, Any], statuses: Any):
    image = images["private-photo"]
    path = f"/v1/images/{image['id']}/variants/thumb"
    token = {"read_token": image["read_token"]}

    used = [statuses(1, path, address=f"203.0.113.{number}", params=token) for number in range(BY_TOKEN + 1)]

    assert used == [[302]] * BY_TOKEN + [[429]]


def test_health_is_told_at_any_time_and_refusals_are_measured(server: Server, statuses: Any):
    statuses(CALLS + 1, MISSING, address="192.0.2.8")

    alive = statuses(3 * CALLS, "/healthz", address="192.0.2.8")
    measured = httpx.get(f"{server.url}/metrics").text

    assert alive == [200] * 3 * CALLS
    assert 'safelight_refused_total{policy="address"}' in measured


def test_the_python_client_says_when_to_come_back(server: Server):
    """It waits by itself while the time is short; here it is told not to."""
    retry = safelight_client.Retry(tries=1)
    with safelight_client.Client(server.url, api_key=WRONG_KEY, retry=retry) as client:
        for _ in range(BAD_KEYS):
            with pytest.raises(safelight_client.NotAuthenticated):
                client.get("f" * 32)

        with pytest.raises(safelight_client.RateLimited) as caught:
            client.get("f" * 32)

    assert (caught.value.status, caught.value.code, caught.value.retryable) == (429, "too_many_requests", True)
    assert caught.value.retry_after is not None
    assert 1 <= caught.value.retry_after <= 60
