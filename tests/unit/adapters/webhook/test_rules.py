"""Rules decide; what is no clear yes in time is a no, and one line in the log that tells no claims."""

import asyncio
import base64
import json
import threading
from collections.abc import AsyncIterator, Awaitable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook as Standard
from structlog.testing import capture_logs

from safelight.adapters.webhook.channel import Channel
from safelight.adapters.webhook.question import Questioner
from safelight.adapters.webhook.rules import KindRules
from safelight.domain.hooks import Webhook
from safelight.domain.image import Attachment, Image, State
from safelight.domain.kind import Kind
from safelight.domain.variant import cover
from safelight.domain.who import Role, Who
from safelight.ports.policy import Policy
from safelight.testing.fakes import CountingIds, FrozenClock

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
PATIENT = timedelta(seconds=5)
IMPATIENT = timedelta(milliseconds=20)

MARY = Who(Role.USER, "mary", claims={"sub": "mary", "team": "the secret team"})
OWN, FOREIGN = Attachment("user", "mary"), Attachment("user", "john")


def kind(**rules: Any) -> Kind:
    return Kind("avatar", variants={"thumb": cover(96, 96)}, **rules)


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as threads:
        yield threads


@pytest.fixture
def policy(threads: ThreadPoolExecutor) -> Policy:
    """Asks functions."""
    return KindRules(timeout=PATIENT, threads=threads, questioner=None)


@asynccontextmanager
async def asking(threads: ThreadPoolExecutor, within: timedelta = PATIENT, **options: Any) -> AsyncIterator[Policy]:
    """A policy that asks an application on loopback."""
    async with Channel(SECRET, timeout=within, **{"allow_private": True, **options}) as channel:
        questioner = Questioner(channel, clock=FrozenClock(), ids=CountingIds())
        yield KindRules(timeout=within, threads=threads, questioner=questioner)


def plain(who: Who, target: Attachment | None) -> bool:
    return target is not None and who.id == target.id


async def later(who: Who, target: Attachment | None) -> bool:
    await asyncio.sleep(0)
    return plain(who, target)


def awaited(who: Who, target: Attachment | None) -> Awaitable[bool]:
    return later(who, target)


@pytest.mark.parametrize("rule", [plain, later, partial(plain), awaited], ids=["sync", "async", "partial", "awaited"])
async def test_a_rule_may_be_a_function_or_a_coroutine_function(policy: Policy, rule: Any) -> None:
    declared = kind(may_upload=rule)

    assert await policy.may_upload(declared, MARY, OWN) is True
    assert await policy.may_upload(declared, MARY, FOREIGN) is False
    assert await policy.may_upload(declared, MARY, None) is False


async def test_a_rule_for_viewing_sees_the_image(policy: Policy, stage: Any) -> None:
    image = await stage.image_in(State.READY, attached_to=FOREIGN)
    seen: list[tuple[Who, Image]] = []

    def rule(who: Who, image: Image) -> bool:
        seen.append((who, image))
        return True

    assert await policy.may_view(kind(may_view=rule), MARY, image) is True
    assert seen == [(MARY, image)]


async def test_without_a_rule_nobody_may_and_nothing_is_logged(policy: Policy, stage: Any) -> None:
    image = await stage.image_in(State.READY)

    with capture_logs() as logs:
        assert await policy.may_upload(kind(), MARY, OWN) is False
        assert await policy.may_view(kind(may_upload=plain), MARY, image) is False
        assert await policy.may_upload(kind(may_view=lambda *_: True), MARY, OWN) is False

    assert logs == []


def broken(who: Who, _target: Attachment | None) -> bool:
    raise KeyError(who.claims["team"])


async def broken_later(who: Who, target: Attachment | None) -> bool:
    return broken(who, target)


@pytest.mark.parametrize("rule", [broken, broken_later], ids=["sync", "async"])
async def test_a_rule_that_breaks_refuses_and_is_logged_without_the_claims(policy: Policy, rule: Any) -> None:
    with capture_logs() as logs:
        allowed = await policy.may_upload(kind(may_upload=rule), MARY, OWN)

    (line,) = logs
    assert allowed is False
    assert (line["event"], line["log_level"]) == ("rule_gave_no_answer", "warning")
    assert (line["kind"], line["rule"]) == ("avatar", "rule.may_upload")
    assert line["reason"].startswith("KeyError at ")
    assert f"test_rules.py:{broken.__code__.co_firstlineno + 1}" in line["reason"]
    assert "secret team" not in str(logs)


async def test_a_slow_coroutine_is_cut_off(threads: ThreadPoolExecutor) -> None:
    ended = asyncio.Event()

    async def endless(_who: Who, _target: Attachment | None) -> bool:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return True

    impatient = KindRules(timeout=IMPATIENT, threads=threads, questioner=None)
    with capture_logs() as logs:
        allowed = await impatient.may_upload(kind(may_upload=endless), MARY, OWN)

    assert allowed is False
    assert ended.is_set()
    assert [line["reason"] for line in logs] == ["it took too long"]


async def test_a_function_that_blocks_refuses_and_the_event_loop_goes_on(threads: ThreadPoolExecutor) -> None:
    """The one thread is taken meanwhile: those behind it are refused, too, and a coroutine is not held up."""
    release = threading.Event()

    def blocking(_who: Who, _target: Attachment | None) -> bool:
        return release.wait(30)

    impatient = KindRules(timeout=IMPATIENT, threads=threads, questioner=None)
    try:
        verdicts = await asyncio.gather(
            *(impatient.may_upload(kind(may_upload=rule), MARY, OWN) for rule in (blocking, plain, later))
        )
    finally:
        release.set()

    assert verdicts == [False, False, True]


async def test_the_application_is_asked_with_a_signed_question(
    threads: ThreadPoolExecutor, receiver: Any, stage: Any
) -> None:
    receiver.status, receiver.body = 200, b'{"allowed": true, "why": "because"}'
    image = await stage.image_in(State.READY, owner="john", attached_to=FOREIGN)
    declared = kind(rules=Webhook(receiver.url))

    async with asking(threads) as policy:
        assert await policy.may_upload(declared, MARY, OWN) is True
        assert await policy.may_view(declared, MARY, image) is True

    upload, view = receiver.requests
    who = {"id": "mary", "claims": {"sub": "mary", "team": "the secret team"}}
    assert json.loads(upload[2]) == {
        "type": "rule.may_upload",
        "timestamp": "2026-11-01T12:00:00Z",
        "data": {"kind": "avatar", "who": who, "target": {"type": "user", "id": "mary"}},
    }
    assert json.loads(view[2])["data"] == {
        "kind": "avatar",
        "who": who,
        "image": {
            "id": image.id,
            "owner": "john",
            "attached_to": {"type": "user", "id": "john"},
            "status": "ready",
        },
    }
    for number, (path, headers, body) in enumerate(receiver.requests, 1):
        assert (path, headers["content-type"], headers["webhook-id"]) == (
            "/hooks",
            "application/json",
            f"{number:032x}",
        )
        signed = Standard(SECRET).sign(headers["webhook-id"], FrozenClock().now(), body.decode())
        assert headers["webhook-signature"] == signed


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (200, b'{"allowed": false}', None),
        (200, b'{"allowed": "true"}', "the answer is not"),
        (200, b'{"allowed": 1}', "the answer is not"),
        (200, b'{"allowed": null}', "the answer is not"),
        (200, b"{}", "the answer is not"),
        (200, b"true", "the answer is not"),
        (200, b"", "the answer is not"),
        (200, b"[" * 10_000, "the answer is not"),
        (200, b'{"allowed": true}' + b" " * 70_000, "the answer is too long"),
        (201, b'{"allowed": true}', "the receiver answered 201"),
        (204, b"", "the receiver answered 204"),
        (302, b'{"allowed": true}', "the receiver answered 302"),
        (401, b'{"allowed": true}', "the receiver answered 401"),
        (500, b'{"allowed": true}', "the receiver answered 500"),
    ],
    ids=range(14),
)
async def test_only_a_clear_yes_is_one(
    threads: ThreadPoolExecutor, receiver: Any, status: int, body: bytes, reason: str | None
) -> None:
    receiver.status, receiver.body, receiver.headers = status, body, {"Location": f"{receiver.url}/elsewhere"}

    with capture_logs() as logs:
        async with asking(threads) as policy:
            allowed = await policy.may_upload(kind(rules=Webhook(receiver.url)), MARY, OWN)

    assert allowed is False
    assert [path for path, _, _ in receiver.requests] == ["/hooks"]
    assert [line["reason"].startswith(reason) for line in logs] == ([True] if reason else [])
    assert "secret team" not in str(logs)


async def test_an_application_that_does_not_answer_refuses(threads: ThreadPoolExecutor) -> None:
    async def silent(_: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError

    with capture_logs() as logs:
        async with asking(threads, IMPATIENT, network=httpx.MockTransport(silent)) as policy:
            allowed = await policy.may_upload(kind(rules=Webhook("http://app.example/")), MARY, OWN)

    assert allowed is False
    assert [line["reason"] for line in logs] == ["the receiver took too long to answer"]


async def test_an_application_at_a_private_address_is_not_asked(
    threads: ThreadPoolExecutor, receiver: Any, answers: type
) -> None:
    url = receiver.url.replace("http:", "https:").replace("127.0.0.1", "app.example")

    with capture_logs() as logs:
        async with asking(threads, allow_private=False, resolver=answers(["127.0.0.1"])) as policy:
            allowed = await policy.may_upload(kind(rules=Webhook(url)), MARY, OWN)

    assert allowed is False
    assert receiver.requests == []
    assert "not public" in logs[0]["reason"]


async def test_no_verdict_is_kept(threads: ThreadPoolExecutor, receiver: Any) -> None:
    declared = kind(rules=Webhook(receiver.url))

    async with asking(threads) as policy:
        verdicts = []
        for word in (b"true", b"false", b"true"):
            receiver.status, receiver.body = 200, b'{"allowed": ' + word + b"}"
            verdicts.append(await policy.may_upload(declared, MARY, OWN))

    assert verdicts == [True, False, True]


@pytest.mark.parametrize("said", ["yes", 1, httpx.Response(403), None], ids=["text", "number", "answer", "nothing"])
async def test_a_rule_that_says_neither_yes_nor_no_refuses_and_is_logged(policy: Policy, said: object) -> None:
    with capture_logs() as logged:
        assert not await policy.may_upload(kind(may_upload=lambda *_: said), MARY, OWN)

    assert logged[0]["event"] == "rule_gave_no_answer"
