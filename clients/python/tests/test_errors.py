import inspect
from typing import Any

import httpx
import pytest

import safelight_client
from safelight_client import errors
from safelight_client.errors import BY_CODE, SafelightError, ServerFailed

CLASSES = [one for _, one in inspect.getmembers(errors, inspect.isclass) if issubclass(one, SafelightError)]


@pytest.mark.parametrize("code", BY_CODE)
async def test_every_code_gives_its_class(server: Any, safelight: Any, problem: Any, code: str) -> None:
    server.plan("GET", problem(418, code, retryable=True))

    with pytest.raises(SafelightError) as caught:
        await safelight.get("1")

    assert type(caught.value) is BY_CODE[code]
    assert (caught.value.code, caught.value.status, caught.value.retryable) == (code, 418, True)
    assert str(caught.value) == caught.value.detail == f"Sentence of {code}."
    assert caught.value.request_id == "req-1"


async def test_a_call_whose_first_try_is_being_answered_for_long_can_be_made_again(
    server: Any, safelight: Any, problem: Any
) -> None:
    server.plan("POST", problem(409, "idempotency_in_progress", retryable=True))

    with pytest.raises(safelight_client.InProgress) as caught:
        await safelight.confirm("1")

    assert caught.value.retryable


async def test_a_code_of_a_newer_server_gives_the_base_class(server: Any, safelight: Any, problem: Any) -> None:
    server.plan("GET", problem(500, "quite_new"))

    with pytest.raises(SafelightError) as caught:
        await safelight.get("1")

    assert type(caught.value) is SafelightError
    assert (caught.value.code, caught.value.retryable) == ("quite_new", False)


@pytest.mark.parametrize(
    "body", [b"", b"<html>Bad Gateway</html>", b"[1]", b"{", b'{"detail": "no code"}', b"\xff\xfe", b"1" * 5000]
)
@pytest.mark.parametrize(("status", "expected"), [(404, SafelightError), (500, ServerFailed)])
async def test_an_answer_of_something_in_between_is_an_error_too(
    server: Any, safelight: Any, body: bytes, status: int, expected: type[SafelightError]
) -> None:
    server.plan("GET", httpx.Response(status, content=body, headers={"Content-Type": "application/problem+json"}))

    with pytest.raises(SafelightError) as caught:
        await safelight.get("1")

    assert type(caught.value) is expected
    assert caught.value.code == f"http_{status}"


async def test_an_error_says_when_to_come_back(server: Any, safelight: Any, problem: Any) -> None:
    answer = problem(429, "too_many_requests")
    answer.headers["Retry-After"] = "3600"
    server.plan("GET", answer)

    with pytest.raises(safelight_client.RateLimited) as caught:
        await safelight.get("1")

    assert caught.value.retry_after == 3600
    assert len(server.requests) == 1


@pytest.mark.parametrize("document", [[], {}, {"id": 1}, {"id": "1", "kind": "a", "status": "odd"}])
async def test_an_answer_that_is_no_image_is_said_to_be_none(server: Any, safelight: Any, document: object) -> None:
    server.plan("GET", httpx.Response(200, json=document))

    with pytest.raises(safelight_client.InvalidAnswer):
        await safelight.get("1")


async def test_nobody_at_the_other_end_is_a_connection_error(open_client: Any) -> None:
    with pytest.raises(safelight_client.ConnectionFailed):
        await open_client("http://127.0.0.1:1").get("1")


@pytest.mark.parametrize("one", CLASSES)
def test_every_error_can_be_imported_and_stands_in_the_tree(one: type[SafelightError]) -> None:
    assert getattr(safelight_client, one.__name__) is one
    assert one.__name__ in (errors.__doc__ or "")


def test_no_error_is_repeated_below_the_one_it_belongs_to() -> None:
    assert issubclass(safelight_client.ImageRejected, safelight_client.FileRefused)
    assert not issubclass(safelight_client.ImageFailed, safelight_client.FileRefused)
