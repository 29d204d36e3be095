"""Errors as problem documents."""

import json
from collections.abc import Iterator
from dataclasses import fields

import pytest

from safelight.domain import errors
from safelight.domain.errors import SafelightError
from safelight.http.problems import STATUS, http_problem, problem


def leaves(kind: type[SafelightError] = SafelightError) -> Iterator[type[SafelightError]]:
    for below in kind.__subclasses__():
        yield from leaves(below) if below.__subclasses__() else (below,)


def test_every_error_has_a_status_and_nothing_else_has():
    assert set(STATUS) == {leaf for leaf in leaves() if leaf.__module__ == errors.__name__}


def test_every_code_is_of_one_error():
    codes = [leaf.code for leaf in STATUS]

    assert len(set(codes)) == len(codes)


def test_a_refusal_says_what_and_what_to_do():
    said = problem(errors.TooLarge(actual=2000, allowed=1000), request_id="r-1")

    assert said.status == 413
    assert said.headers["content-type"] == "application/problem+json"
    assert said.headers["cache-control"] == "no-store"
    assert json.loads(said.body) == {
        "type": "urn:problem-type:safelight:too_large",
        "title": "Too large",
        "status": 413,
        "detail": "The file has 2,000 bytes; at most 1,000 are allowed. Choose a smaller one.",
        "code": "too_large",
        "retryable": False,
        "request_id": "r-1",
        "actual": 2000,
        "allowed": 1000,
    }


def test_every_fact_of_a_refusal_is_a_member_that_does_not_hide_another():
    standard = {"type", "title", "status", "detail", "instance", "code", "retryable", "request_id"}

    facts = {fact.name for leaf in STATUS if issubclass(leaf, errors.Refused) for fact in fields(leaf)}

    assert facts > {"used", "allowed", "wanted", "what", "retry_after"}
    assert facts.isdisjoint(standard)


@pytest.mark.parametrize(
    "error", [errors.StorageFailed("/srv/secret"), errors.ObjectMissing("secret"), errors.KindInvalid("secret")]
)
def test_the_facts_of_what_is_not_the_callers_doing_stay_inside(error: SafelightError):
    said = problem(error, request_id="r-1")

    assert b"secret" not in said.body
    assert json.loads(said.body).keys() == {"type", "title", "status", "detail", "code", "retryable", "request_id"}


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (errors.StorageFailed("/srv/secret: no such folder"), 503, "storage_failed"),
        (ValueError("secret"), 500, "internal_error"),
    ],
)
def test_our_own_failures_tell_nothing_but_the_request_id(error: Exception, status: int, code: str):
    said = problem(error, request_id="r-1")

    assert (said.status, json.loads(said.body)["code"]) == (status, code)
    assert b"secret" not in said.body
    assert b"r-1" in said.body


@pytest.mark.parametrize(
    ("error", "name", "value"),
    [
        (errors.NotAuthenticated(), "www-authenticate", "Bearer"),
        (errors.RangeNotSatisfiable(size=10), "content-range", "bytes */10"),
        (errors.DiskFull(), "retry-after", "5"),
        (errors.ImageNotReady("0190", "processing"), "retry-after", "5"),
        (errors.TooManyOpenUploads(used=100, allowed=100), "retry-after", "5"),
        (errors.TooManyRequests("address", 600, 60, 17), "retry-after", "17"),
        (errors.TooManyRequests("address", 600, 60, 17), "ratelimit", '"address";r=0;t=17'),
        (errors.TooManyRequests("address", 600, 60, 17), "ratelimit-policy", '"address";q=600;w=60'),
    ],
)
def test_some_errors_have_headers_of_their_own(error: SafelightError, name: str, value: str):
    assert problem(error, request_id=None).headers[name] == value


def test_what_http_itself_refuses_is_a_problem_too():
    said = http_problem(405, detail="Use GET.", headers={"allow": "GET"})

    assert (said.status, said.headers["allow"]) == (405, "GET")
    assert json.loads(said.body)["code"] == "method_not_allowed"
