"""The OpenAPI document says all that the API does, and nothing that it does not."""

import json
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import pytest
from schemathesis import openapi

from documented import see_that_it_is_documented
from safelight.apps.api import openapi_json
from safelight.http.api import ROUTES
from safelight.http.problems import STATUS

ROOT = Path(__file__).parents[3]
DOCUMENT: dict[str, Any] = json.loads(openapi_json())
OPERATIONS = [
    (f"{method.upper()} {path}", operation)
    for path, item in DOCUMENT["paths"].items()
    for method, operation in item.items()
]
CODES = {error.code for error in STATUS}

each_operation = pytest.mark.parametrize(
    "operation", [one for _, one in OPERATIONS], ids=[name for name, _ in OPERATIONS]
)


def test_the_file_in_the_repository_is_up_to_date():
    kept = (ROOT / "openapi.json").read_bytes()

    assert kept == openapi_json(), (
        "openapi.json differs from the API: renew it with `make openapi` and look at the diff"
    )


def test_the_document_can_be_loaded_and_its_shapes_are_valid_schemas():
    loaded = openapi.from_dict(DOCUMENT)

    assert loaded.statistic.operations.total == len(OPERATIONS)
    for shape in DOCUMENT["components"]["schemas"].values():
        jsonschema_rs.meta.validate({"$schema": "https://json-schema.org/draft/2020-12/schema", **shape})


def test_every_route_stands_in_it_but_for_those_that_show_it():
    names = {operation["operationId"] for _, operation in OPERATIONS}

    assert names == {route.handler_name for route in ROUTES} - {"openapi", "docs"}


@each_operation
def test_every_call_says_what_it_does_and_what_it_takes(operation: dict[str, Any]):
    assert operation["summary"]
    assert operation["description"].endswith(".")
    assert operation["tags"][0] in {tag["name"] for tag in DOCUMENT["tags"]}
    for parameter in operation.get("parameters", ()):
        assert parameter.get("description") or parameter["name"] in {"kind", "status", "attached_id"}


@each_operation
def test_every_error_is_a_problem_document_with_known_codes(operation: dict[str, Any]):
    for status, answer in operation["responses"].items():
        if int(status) >= HTTPStatus.BAD_REQUEST:
            assert list(answer["content"]) == ["application/problem+json"]
            assert answer["content"]["application/problem+json"]["schema"]["$ref"].endswith("/ProblemOut")
            assert set(answer["description"].split(", ")) <= CODES | {"internal_error"}


@each_operation
def test_no_stock_answer_to_bad_input_is_left(operation: dict[str, Any]):
    assert "400" not in operation["responses"]
    if "requestBody" in operation:
        assert "request_invalid" in operation["responses"]["422"]["description"]


@each_operation
def test_every_reference_leads_somewhere(operation: dict[str, Any]):
    for reference in _references(operation):
        assert reference.rpartition("/")[2] in DOCUMENT["components"]["schemas"]


async def test_an_error_that_a_call_does_not_name_is_found_out_wherever_a_test_hears_it():
    asked = httpx.Request("GET", "https://api.example/v1/kinds/avatar")

    await see_that_it_is_documented(httpx.Response(404, json={"code": "unknown_kind"}, request=asked))
    with pytest.raises(AssertionError, match="answers image_gone, which its `responses` do not name"):
        await see_that_it_is_documented(httpx.Response(410, json={"code": "image_gone"}, request=asked))


async def test_the_api_serves_it(call: httpx.AsyncClient):
    answer = await call.get("/openapi.json")

    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["info"]["version"] == "1.2.3"
    assert answer.json()["paths"] == DOCUMENT["paths"]


@pytest.mark.parametrize("path", ["/schema", "/schema/openapi.json", "/schema/swagger"])
async def test_the_frameworks_own_pages_are_not_there(call: httpx.AsyncClient, path: str):
    answer = await call.get(path)

    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


def _references(part: Any) -> set[str]:
    if isinstance(part, dict):
        own = {part["$ref"]} if "$ref" in part else set()
        return own.union(*map(_references, part.values()))
    return set().union(*map(_references, part)) if isinstance(part, list) else set()
