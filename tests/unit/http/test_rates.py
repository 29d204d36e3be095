"""Whose call it is, what it counts as, and what one too many hears."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, cast

import httpx
import pytest
from litestar.handlers import HTTPRouteHandler

from credentials import KEY, KEY_ID, bearer, keep_key
from safelight.adapters.rates import MemoryRates
from safelight.domain import api_keys
from safelight.domain.image import Image, State
from safelight.domain.tokens import Purpose
from safelight.domain.who import ApiKeyId
from safelight.http.api import ROUTES, api
from safelight.http.parts import Parts
from safelight.http.rates import COUNTED_AS, Rates, address_of
from safelight.testing.fakes import Seconds
from safelight.testing.samples import rendition

WRONG_KEY = api_keys.write(KEY_ID, "t" * 32)
MISSING = f"/v1/images/{'f' * 32}"
ALLOWED = 3

Calls = Callable[..., Awaitable[list[int]]]


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
def parts(parts: Parts, seconds: Seconds) -> Parts:
    """The parts of the API, with small rates."""
    limiter = MemoryRates(refused=parts.metrics.refused, now=seconds)
    return replace(parts, rates=Rates.of(limiter, calls=ALLOWED, bad_keys=2, shows=5, token_shows=4))


@pytest.fixture
def calls(call: httpx.AsyncClient) -> Calls:
    """Makes the same call several times and returns the statuses."""

    async def several(times: int, path: str, **request: Any) -> list[int]:
        return [(await call.get(path, **request)).status_code for _ in range(times)]

    return several


async def shown(stage: Any, number: int = 1, *, public: bool) -> tuple[Image, str]:
    """Return an image that can be shown, and the path to its rendition."""
    image: Image = await stage.image_in(State.PROCESSING, number, public=public)
    async with stage.records.transaction() as tx:
        await tx.add_rendition(rendition(image.id, "wide"), attempt=1)
        ready = await tx.move(image.id, was=State.PROCESSING, now=State.READY)
    return ready, f"/v1/images/{image.id}/variants/wide"


@pytest.mark.parametrize(
    ("client", "other", "same"),
    [
        (("192.0.2.1", 1), ("192.0.2.1", 2), True),
        (("192.0.2.1", 1), ("192.0.2.2", 1), False),
        (("2001:db8:1:2::1", 1), ("2001:db8:1:2:ffff::9", 1), True),
        (("2001:db8:1:2::1", 1), ("2001:db8:1:3::1", 1), False),
        (("2001:db8:1:2::1", 1), ("2001:0DB8:0001:0002::1", 1), True),
        (("fe80::1%eth0", 1), ("fe80::2", 1), True),
        (("::ffff:192.0.2.1", 1), ("192.0.2.1", 1), True),
        (("::ffff:192.0.2.1", 1), ("::ffff:192.0.2.2", 1), False),
        (("::1", 1), ("127.0.0.1", 1), False),
        (None, ("", 0), True),
        (None, ("unix socket", None), True),
        (None, ("192.0.2.1", 1), False),
    ],
)
def test_a_client_is_its_ipv4_address_or_its_ipv6_network(client: Any, other: Any, *, same: bool):
    assert (address_of({"client": client}) == address_of({"client": other})) is same


def test_whatever_a_proxy_names_as_address_does_not_make_long_keys():
    assert len(address_of({"client": ("x" * 10_000, 0)})) < 10
    assert address_of({}) == address_of({"client": None})


async def test_an_address_that_calls_too_often_waits_as_long_as_it_is_told(
    call: httpx.AsyncClient, calls: Calls, seconds: Seconds
):
    before = await calls(ALLOWED, MISSING)
    seconds.now += 42.5
    refused = await call.get(MISSING)
    seconds.now += int(refused.headers["retry-after"])
    after = await calls(ALLOWED + 1, MISSING)

    assert before == [401] * ALLOWED
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_requests")
    assert refused.json()["retryable"]
    assert refused.headers["retry-after"] == "18"
    assert refused.headers["ratelimit-policy"] == '"address";q=3;w=60'
    assert refused.headers["ratelimit"] == '"address";r=0;t=18'
    assert after == [401] * ALLOWED + [429]


async def test_every_counted_answer_says_what_is_left(call: httpx.AsyncClient):
    said = [(await call.get(path)).headers["ratelimit"] for path in ("/v1/kinds", MISSING, "/v1/kinds/none")]

    assert said == ['"address";r=2;t=60', '"address";r=1;t=60', '"address";r=0;t=60']


async def test_addresses_do_not_share(parts: Parts):
    statuses = []
    for address in ("192.0.2.1", "192.0.2.2"):
        transport = httpx.ASGITransport(cast("Any", api(parts, version="1")), client=(address, 1))
        async with httpx.AsyncClient(transport=transport, base_url="https://api.example") as client:
            statuses.append([(await client.get("/v1/kinds")).status_code for _ in range(ALLOWED + 1)])

    assert statuses == [[200] * ALLOWED + [429]] * 2


async def test_a_call_with_an_api_key_is_not_counted(stage: Any, call: httpx.AsyncClient, calls: Calls):
    await keep_key(stage)

    with_key = await calls(3 * ALLOWED, "/v1/images", headers=bearer(KEY))
    answer = await call.get("/v1/images", headers=bearer(KEY))
    without = await calls(ALLOWED, MISSING)

    assert with_key == [200] * 3 * ALLOWED
    assert "ratelimit" not in answer.headers
    assert 429 not in without


@pytest.mark.parametrize(
    "headers",
    [
        [("authorization", "Basic sl_"), ("x", "y")],
        [("authorization", f"Bearer v1.{KEY}")],
        [("authorization", f"Bearer {KEY.upper()}")],
        [("authorization", f"Bearer {KEY}"), ("authorization", "Bearer v1.x.y.z")],
        [("x-authorization", f"Bearer {KEY}")],
    ],
)
async def test_nothing_but_an_api_key_spares_a_call(calls: Calls, headers: list[tuple[str, str]]):
    assert (await calls(ALLOWED + 1, MISSING, headers=headers))[-1] == 429


@pytest.mark.parametrize("path", ["/v1/kinds", "/v1/kinds/avatar", "/docs", "/openapi.json"])
async def test_a_key_that_nobody_looks_at_spares_nothing(calls: Calls, path: str):
    assert await calls(ALLOWED + 1, path, headers=bearer(WRONG_KEY)) == [200] * ALLOWED + [429]


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
async def test_whoever_operates_it_may_ask_at_any_time(call: httpx.AsyncClient, calls: Calls, path: str):
    await calls(ALLOWED + 1, MISSING)

    statuses = await calls(3 * ALLOWED, path)

    assert statuses == [200] * 3 * ALLOWED
    assert "ratelimit" not in (await call.get(path)).headers


@pytest.mark.parametrize("bad", [WRONG_KEY, api_keys.write(ApiKeyId("b" * 32), "s" * 32), "sl_", "sl_x y"])
async def test_keys_that_open_nothing_are_soon_refused_before_the_database_is_asked(
    stage: Any, call: httpx.AsyncClient, calls: Calls, monkeypatch: pytest.MonkeyPatch, bad: str
):
    await keep_key(stage)
    before = await calls(2, "/v1/images", headers=bearer(bad))
    monkeypatch.setattr(stage.records, "reading", None)

    refused = await call.get("/v1/images", headers=bearer(KEY))

    assert before == [401, 401]
    assert (refused.status_code, refused.headers["ratelimit-policy"]) == (429, '"address-bad-keys";q=2;w=60')
    assert refused.headers["retry-after"] == "60"


@pytest.mark.parametrize(
    "route", [route for route in ROUTES if COUNTED_AS not in route.opt], ids=lambda route: route.handler_name
)
async def test_every_call_that_a_key_spares_looks_at_the_key(call: httpx.AsyncClient, route: HTTPRouteHandler):
    """Else whoever made up a key could call as often as they like."""
    path = re.sub(r"{[^}]+}", "f" * 32, min(route.paths))

    answer = await call.request(min(route.http_methods), path, headers=bearer(WRONG_KEY), json={})

    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")


UNREADABLE: list[tuple[str, str, dict[str, str]]] = [
    ("GET", "/v1/images?limit=0", {}),
    ("GET", "/v1/records/%00/1", {}),
    ("PUT", "/v1/records/%00/1/avatar", {}),
    ("POST", "/v1/images", {"idempotency-key": "two words"}),
]


@pytest.mark.parametrize("unreadable", UNREADABLE)
@pytest.mark.parametrize("known", [True, False])
async def test_a_key_that_is_not_looked_at_counts_unless_it_opened_something_before(
    stage: Any, call: httpx.AsyncClient, calls: Calls, unreadable: tuple[str, str, dict[str, str]], *, known: bool
):
    """Else whoever made up a key could fill the audit log with what is refused before anybody looks at it."""
    method, path, headers = unreadable
    await keep_key(stage)
    await calls(int(known), "/v1/images", headers=bearer(KEY))

    answers = [await call.request(method, path, headers=bearer(KEY) | headers) for _ in range(4)]

    statuses = [answer.status_code for answer in answers]
    assert statuses == ([422] * 4 if known else [422, 422, 429, 429])


async def test_an_event_stream_counts_once(stage: Any, call: httpx.AsyncClient):
    image, _ = await shown(stage, public=True)
    token = stage.tokens.image_token(Purpose.READ, image.id, image.token_generation)

    stream = await call.get(f"/v1/images/{image.id}/events", headers=bearer(token))
    after = await call.get("/v1/kinds")

    assert stream.headers["content-type"].startswith("text/event-stream")
    assert [answer.headers["ratelimit"] for answer in (stream, after)] == [
        '"address";r=2;t=60',
        '"address";r=1;t=60',
    ]


async def test_a_key_that_opened_before_is_not_shut_out_by_others_from_its_address(stage: Any, calls: Calls):
    """Behind a proxy that is not trusted everybody has one address, the application and whoever tries keys."""
    await keep_key(stage)
    before = await calls(1, "/v1/images", headers=bearer(KEY))

    wrong = await calls(3, "/v1/images", headers=bearer(WRONG_KEY))
    right = await calls(5, "/v1/images", headers=bearer(KEY))

    assert (before, wrong, right) == ([200], [401, 401, 429], [200] * 5)


async def test_a_key_that_was_revoked_is_soon_refused_like_any_other(stage: Any, calls: Calls):
    await keep_key(stage)
    await calls(1, "/v1/images", headers=bearer(KEY))
    async with stage.records.transaction() as tx:
        await tx.revoke_api_key(KEY_ID, at=stage.clock.now())

    statuses = await calls(4, "/v1/images", headers=bearer(KEY))

    assert statuses == [401, 401, 429, 429]


async def test_good_keys_are_never_too_many(stage: Any, calls: Calls):
    await keep_key(stage)

    one_bad = await calls(1, "/v1/images", headers=bearer(WRONG_KEY))
    many_good = await calls(20, "/v1/images", headers=bearer(KEY))

    assert one_bad == [401]
    assert many_good == [200] * 20


async def test_showing_is_no_call_and_has_a_rate_of_its_own(stage: Any, call: httpx.AsyncClient, calls: Calls):
    _, path = await shown(stage, public=True)
    await calls(ALLOWED + 1, MISSING)

    statuses = await calls(5, path)
    refused = await call.get(path)

    assert statuses == [302] * 5
    assert (refused.status_code, refused.headers["ratelimit"]) == (429, '"address-shows";r=0;t=60')


async def test_a_key_does_not_spare_what_is_shown_to_anybody(stage: Any, calls: Calls):
    _, path = await shown(stage, public=True)

    assert await calls(6, path, headers=bearer(WRONG_KEY)) == [302] * 5 + [429]


async def test_a_read_token_counts_however_it_is_sent(stage: Any, call: httpx.AsyncClient, seconds: Seconds):
    image, path = await shown(stage, public=False)
    token = stage.tokens.image_token(Purpose.READ, image.id, image.token_generation)
    ways: list[dict[str, Any]] = [{"params": {"read_token": token}}, {"headers": bearer(token)}]

    answers = [await call.get(path, **ways[number % 2]) for number in range(5)]
    seconds.now += 60
    later = await call.get(path, **ways[0])

    assert [answer.status_code for answer in answers] == [302] * 4 + [429]
    assert answers[0].headers["ratelimit"] == '"token-shows";r=3;t=60, "address-shows";r=4;t=60'
    assert answers[0].headers["ratelimit-policy"] == '"token-shows";q=4;w=60, "address-shows";q=5;w=60'
    assert answers[4].headers["ratelimit"] == '"token-shows";r=0;t=60, "address-shows";r=0;t=60'
    assert later.status_code == 302


async def test_read_tokens_do_not_share_and_a_new_one_begins_anew(stage: Any, parts: Parts):
    one, _ = await shown(stage, 1, public=False)
    other, _ = await shown(stage, 2, public=False)
    for _ in range(4):
        parts.rates.count_token(one)

    left = [parts.rates.count_token(image).calls for image in (other, replace(one, token_generation=1))]

    assert left == [3, 3]


async def test_a_token_that_is_not_valid_counts_for_nobody(stage: Any, calls: Calls, seconds: Seconds):
    image, path = await shown(stage, public=False)
    token = stage.tokens.image_token(Purpose.READ, image.id, image.token_generation)

    forged = await calls(5, path, headers=bearer(token[:-4] + "AAAA"))
    seconds.now += 60
    right = await calls(4, path, headers=bearer(token))

    assert forged == [403] * 5
    assert right == [302] * 4


async def test_a_page_hears_that_it_was_one_too_many(call: httpx.AsyncClient, calls: Calls):
    origin = {"origin": "https://app.example"}
    await calls(ALLOWED, MISSING)

    refused = await call.get(MISSING, headers=origin)

    assert refused.status_code == 429
    assert refused.headers["access-control-allow-origin"] == "https://app.example"
    exposed = {name.strip() for name in refused.headers["access-control-expose-headers"].lower().split(",")}
    assert {"retry-after", "ratelimit", "ratelimit-policy"} <= exposed


async def test_refusals_are_measured_by_policy(call: httpx.AsyncClient, calls: Calls):
    await calls(ALLOWED + 2, MISSING)

    measured = (await call.get("/metrics")).text

    assert 'safelight_refused_total{policy="address"} 2.0' in measured
