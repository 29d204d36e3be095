from collections.abc import Iterable
from typing import Any

import pytest

from safelight_client import ConnectionFailed, Retry
from safelight_client.exchange import Command, Conversation, NoAnswer, Pause, Request, Response
from safelight_client.retry import RETRIED, ask, retry_after_s

REQUEST = Request("GET", "https://api.example/v1/images/1")
OK = Response(200, {}, b"{}")
LOST = NoAnswer("reset")
EVERY_STATUS = [*range(200, 209), *range(300, 309), *range(400, 432), 451, *range(500, 512)]


def converse(conversation: Conversation[Any], outcomes: Iterable[Response | NoAnswer]) -> tuple[Any, list[Command]]:
    """Return the result, and the commands that led to it; pauses take no time."""
    left, commands = list(outcomes), [next(conversation)]
    try:
        while True:
            commands.append(conversation.send(left.pop(0) if isinstance(commands[-1], Request) else None))
    except StopIteration as end:
        return end.value, commands


def answer(status: int, **headers: str) -> Response:
    return Response(status, {name.replace("_", "-"): value for name, value in headers.items()}, b"")


def pauses(commands: list[Command]) -> list[float]:
    return [command.seconds for command in commands if isinstance(command, Pause)]


@pytest.mark.parametrize("status", sorted({408, 429, 502, 503, 504}))
def test_a_status_that_says_not_now_is_asked_again(status: int) -> None:
    result, commands = converse(ask(REQUEST, Retry(), lambda: 0.0), [answer(status), OK])

    assert (result.status, result.tries) == (200, 2)
    assert commands.count(REQUEST) == 2


@pytest.mark.parametrize("status", [status for status in EVERY_STATUS if status not in {408, 429, 502, 503, 504}])
def test_no_other_status_is_asked_again(status: int) -> None:
    result, commands = converse(ask(REQUEST, Retry(), lambda: 0.0), [answer(status)])

    assert (result.status, result.tries) == (status, 1)
    assert commands == [REQUEST]
    assert status not in RETRIED


@pytest.mark.parametrize("status", [409, 507])
def test_another_try_being_answered_or_a_full_disk_is_asked_again_when_the_server_says(status: int) -> None:
    result, commands = converse(ask(REQUEST, Retry(), lambda: 0.0), [answer(status, retry_after="1"), OK])

    assert (result.status, pauses(commands)) == (200, [1.0])


def test_a_lost_connection_is_tried_again() -> None:
    result, commands = converse(ask(REQUEST, Retry(), lambda: 0.0), [LOST, LOST, OK])

    assert result.tries == 3
    assert commands.count(REQUEST) == 3


def test_what_cannot_be_sent_at_all_is_not_tried_again() -> None:
    with pytest.raises(ConnectionFailed) as caught:
        converse(ask(REQUEST, Retry(), lambda: 0.0), [NoAnswer("no such protocol", useless=True)])

    assert not caught.value.retryable


def test_the_number_of_tries_is_bounded() -> None:
    with pytest.raises(ConnectionFailed, match="reset") as caught:
        converse(ask(REQUEST, Retry(tries=3), lambda: 0.0), [LOST] * 3)

    assert caught.value.retryable


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://bucket.s3.example:9000/incoming/1?X-Amz-Signature=hidden", "bucket.s3.example:9000"),
        ("https://me:hidden@api.example/v1/images", "api.example"),
        ("http://[hidden", "the server"),
    ],
)
def test_the_host_that_gave_no_answer_is_named_and_nothing_secret_of_its_url(url: str, host: str) -> None:
    with pytest.raises(ConnectionFailed) as caught:
        converse(ask(Request("PUT", url), Retry(tries=1), lambda: 0.0), [LOST])

    assert str(caught.value).startswith(f"No answer from {host} (reset). ")
    assert "hidden" not in str(caught.value)


def test_whoever_listens_hears_of_each_wait_why_and_how_long_it_is() -> None:
    heard: list[tuple[str, float]] = []
    retry = Retry(on_wait=lambda why, seconds: heard.append((why, seconds)))

    converse(ask(REQUEST, retry, lambda: 0.0), [LOST, answer(503, retry_after="7"), OK])

    assert heard == [("No answer from api.example (reset).", 0.25), ("api.example answers 503.", 7.0)]


def test_the_last_answer_counts_where_trying_ends() -> None:
    result, commands = converse(ask(REQUEST, Retry(tries=3), lambda: 0.0), [answer(503)] * 3)

    assert (result.status, result.tries) == (503, 3)
    assert len(pauses(commands)) == 2


@pytest.mark.parametrize(("jitter", "expected"), [(0.0, [0.5, 1, 2, 2]), (1.0, [1, 2, 4, 4])])
def test_waits_double_up_to_the_longest_and_are_spread_by_jitter(jitter: float, expected: list[float]) -> None:
    retry = Retry(tries=5, base=1.0, longest=4.0)

    _, commands = converse(ask(REQUEST, retry, lambda: jitter), [LOST, answer(503), LOST, answer(502), OK])

    assert pauses(commands) == expected


@pytest.mark.parametrize("status", [429, 503])
def test_the_server_says_how_long_to_wait(status: int) -> None:
    _, commands = converse(ask(REQUEST, Retry(), lambda: 0.0), [answer(status, retry_after="7"), OK])

    assert pauses(commands) == [7.0]


def test_nobody_is_kept_waiting_for_longer_than_the_longest_wait() -> None:
    result, commands = converse(ask(REQUEST, Retry(longest=60), lambda: 0.0), [answer(429, retry_after="61")])

    assert result.status == 429
    assert pauses(commands) == []


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry_after": "0"}, 0),
        ({"retry_after": " 120 "}, 120),
        ({"retry_after": "Sun, 22 Nov 2026 12:00:30 GMT", "date": "Sun, 22 Nov 2026 12:00:00 GMT"}, 30),
        ({"retry_after": "Sun, 22 Nov 2026 11:00:00 GMT", "date": "Sun, 22 Nov 2026 12:00:00 GMT"}, 0),
        ({"retry_after": "Sun, 22 Nov 2026 12:00:30 GMT"}, None),
        ({"retry_after": "Sun, 22 Nov 2026 12:00:30 -0000", "date": "Sun, 22 Nov 2026 12:00:00 GMT"}, None),
        ({"retry_after": "soon"}, None),
        ({"retry_after": "-5"}, None),
        ({"retry_after": "²"}, None),
        ({}, None),
    ],
)
def test_retry_after_is_seconds_or_a_moment_by_the_servers_clock(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert retry_after_s(answer(429, **headers)) == seconds
