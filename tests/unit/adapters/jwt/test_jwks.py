"""Keys of a provider: fetched when they are needed, believed for a while, and not fetched more than that."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
from joserfc.jwa import JWSAlgModel
from joserfc.jwk import ECKey, Key, OctKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry
from structlog.testing import capture_logs

from safelight.adapters.jwt.jwks import LEAST_BETWEEN_FETCHES, MAX_JWKS_BYTES, STALE_FOR, JwksKeys
from safelight.domain.errors import Busy
from safelight.testing.fakes import FrozenClock

URL = "https://id.example/jwks.json"
TTL = timedelta(minutes=5)
ES256: JWSAlgModel = JWSRegistry.algorithms["ES256"]
RS256: JWSAlgModel = JWSRegistry.algorithms["RS256"]

OLD, NEW = ECKey.generate_key("P-256", {"kid": "old"}), ECKey.generate_key("P-256", {"kid": "new"})


class OnTheWay(httpx.AsyncByteStream):
    """A body that has not been read yet, as it comes from a network."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._content


class Provider:
    """Publishes keys, and counts who asks, which `reached` tells; while `open` is not set, it leaves them waiting.

    `answer` makes what it says; None breaks off.
    """

    def __init__(self, *keys: Key) -> None:
        self.clock = FrozenClock()
        self.asked: list[httpx.Request] = []
        self.reached, self.open = asyncio.Event(), asyncio.Event()
        self.open.set()
        self.answer: Callable[[], httpx.Response] | None
        self.publish(*keys)

    def publish(self, *keys: Key) -> None:
        self.say([key.as_dict(private=False) for key in keys])

    def say(self, keys: Any) -> None:
        self.answer = lambda: httpx.Response(200, json={"keys": keys})

    def break_down(self) -> None:
        self.answer = None

    def keys(self) -> JwksKeys:
        return JwksKeys(URL, ttl=TTL, clock=self.clock, network=httpx.MockTransport(self._answer))

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        self.reached.set()
        await self.open.wait()
        if self.answer is None:
            raise httpx.ConnectError("no route to id.example")
        said = self.answer()
        return httpx.Response(said.status_code, headers=said.headers, stream=OnTheWay(said.content))


@pytest.fixture
def provider() -> Provider:
    return Provider(OLD)


@pytest.fixture
async def keys(provider: Provider) -> AsyncIterator[JwksKeys]:
    async with provider.keys() as made:
        yield made


def same(found: Key | None, expected: Key) -> bool:
    return found is not None and found.as_dict(private=False) == expected.as_dict(private=False)


async def test_keys_are_fetched_once_for_all_who_need_them(provider: Provider, keys: JwksKeys) -> None:
    found = await asyncio.gather(*(keys.find("old", ES256) for _ in range(20)))

    assert all(same(one, OLD) for one in found)
    assert len(provider.asked) == 1


async def test_they_are_fetched_anew_when_their_time_is_over(provider: Provider, keys: JwksKeys) -> None:
    await keys.find("old", ES256)
    provider.publish(NEW)
    provider.clock.advance(TTL - timedelta(seconds=1))
    assert same(await keys.find("old", ES256), OLD)

    provider.clock.advance(timedelta(seconds=1))

    assert await keys.find("old", ES256) is None
    assert same(await keys.find("new", ES256), NEW)
    assert len(provider.asked) == 2


async def test_a_key_of_which_nobody_knew_is_asked_for_at_once(provider: Provider, keys: JwksKeys) -> None:
    await keys.find("old", ES256)
    provider.publish(OLD, NEW)
    provider.clock.advance(LEAST_BETWEEN_FETCHES)

    assert same(await keys.find("new", ES256), NEW)
    assert same(await keys.find("old", ES256), OLD)
    assert len(provider.asked) == 2


async def test_forged_key_ids_cannot_make_us_hammer_the_provider(provider: Provider, keys: JwksKeys) -> None:
    for number in range(100):
        assert await keys.find(f"forged {number}", ES256) is None

    assert len(provider.asked) == 1
    provider.clock.advance(LEAST_BETWEEN_FETCHES)
    await asyncio.gather(*(keys.find(f"forged {number}", ES256) for number in range(100)))
    assert len(provider.asked) == 2


async def test_while_the_url_is_down_old_keys_are_believed_for_a_while(provider: Provider, keys: JwksKeys) -> None:
    await keys.find("old", ES256)
    provider.break_down()
    provider.clock.advance(TTL + STALE_FOR - timedelta(seconds=1))

    assert same(await keys.find("old", ES256), OLD)

    provider.clock.advance(timedelta(seconds=1))
    with pytest.raises(Busy):
        await keys.find("old", ES256)


async def test_what_cannot_be_told_while_the_url_is_down_is_no_refusal(provider: Provider, keys: JwksKeys) -> None:
    await keys.find("old", ES256)
    provider.break_down()
    provider.clock.advance(TTL)

    with pytest.raises(Busy):
        await keys.find("new", ES256)


async def test_a_url_that_never_answered_leaves_all_open_and_is_asked_again_later(
    provider: Provider, keys: JwksKeys
) -> None:
    provider.break_down()
    for _ in range(3):
        with pytest.raises(Busy):
            await keys.find("old", ES256)
    assert len(provider.asked) == 1

    provider.publish(OLD)
    provider.clock.advance(LEAST_BETWEEN_FETCHES)

    assert same(await keys.find("old", ES256), OLD)


async def test_a_fetch_that_was_broken_off_leaves_all_open(provider: Provider, keys: JwksKeys) -> None:
    provider.open.clear()
    first = asyncio.create_task(keys.find("old", ES256))
    await provider.reached.wait()
    first.cancel()
    await asyncio.wait([first])

    with pytest.raises(Busy):
        await keys.find("old", ES256)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (lambda: httpx.Response(500, json={"keys": []}), "the URL answered 500"),
        (lambda: httpx.Response(302, headers={"location": "https://evil.example/"}), "the URL answered 302"),
        (lambda: httpx.Response(200, text="<html>"), "the answer is no JWKS"),
        (lambda: httpx.Response(200, json=[]), "the answer is no JWKS"),
        (lambda: httpx.Response(200, json={"keys": {}}), "the answer is no JWKS"),
        (lambda: httpx.Response(200, text='{"keys": ' + "[" * 100_000), "the answer is no JWKS"),
        (lambda: httpx.Response(200, content=bytes(MAX_JWKS_BYTES + 1)), "the answer is too long"),
    ],
    ids=["500", "redirect", "html", "list", "object", "deep", "long"],
)
async def test_what_is_no_jwks_counts_as_no_answer(
    provider: Provider, keys: JwksKeys, answer: Callable[[], httpx.Response], reason: str
) -> None:
    provider.answer = answer

    with capture_logs() as logs, pytest.raises(Busy):
        await keys.find("old", ES256)

    assert logs == [{"event": "jwks_not_fetched", "log_level": "warning", "reason": reason, "kept": 0}]
    assert [str(request.url) for request in provider.asked] == [URL]


async def test_keys_that_are_none_of_ours_are_passed_over(provider: Provider, keys: JwksKeys) -> None:
    weak = {"kty": "RSA", "kid": "weak", "n": "AQAB" * 40, "e": "AQAB"}
    provider.say(
        [
            *(None, 7, {}, {"kty": "oct"}, {"kty": "of tomorrow"}, {"kty": "EC"}, {"kty": "EC", "crv": "P-257"}),
            OctKey.generate_key(256, {"kid": "old"}).as_dict(),
            ECKey.generate_key("P-384", {"kid": "old"}).as_dict(private=False),
            ECKey.generate_key("P-256", {"kid": "old", "use": "enc"}).as_dict(private=False),
            ECKey.generate_key("P-256", {"kid": "old", "alg": "ECDH-ES"}).as_dict(private=False),
            weak,
            RSAKey.generate_key(2048, {"kid": "old"}).as_dict(private=False),
            OKPKey.generate_key("X25519", {"kid": "old"}).as_dict(private=False),
            OLD.as_dict(private=False),
        ]
    )

    assert same(await keys.find("old", ES256), OLD)
    assert await keys.find("weak", RS256) is None


async def test_where_no_key_is_named_the_only_one_is_meant(provider: Provider, keys: JwksKeys) -> None:
    nameless = ECKey.generate_key("P-256")
    provider.publish(nameless, RSAKey.generate_key(2048))
    assert same(await keys.find(None, ES256), nameless)

    provider.publish(nameless, OLD)
    provider.clock.advance(TTL)
    assert await keys.find(None, ES256) is None


async def test_no_key_at_all_is_an_answer_too(provider: Provider, keys: JwksKeys) -> None:
    """So a provider withdraws every key."""
    await keys.find("old", ES256)
    provider.publish()
    provider.clock.advance(TTL)

    assert await keys.find("old", ES256) is None


async def test_nobody_with_a_known_key_waits_for_a_fetch_under_way(provider: Provider, keys: JwksKeys) -> None:
    await keys.find("old", ES256)
    provider.clock.advance(TTL)
    provider.publish(NEW)
    provider.open.clear()
    provider.reached.clear()
    waiting = asyncio.create_task(keys.find("new", ES256))
    await provider.reached.wait()

    assert same(await keys.find("old", ES256), OLD)

    provider.open.set()
    assert same(await waiting, NEW)
