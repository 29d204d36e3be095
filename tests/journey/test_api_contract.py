"""The API answers whatever comes as its own OpenAPI document says, and never with an error on our side."""

import json
from typing import Any

import hypothesis
import pytest
import schemathesis
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from credentials import bearer
from safelight.apps.api import openapi_json

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    unsupported_method,
]

EXAMPLES_OF_EACH_CALL = 60

CALLS = [(path, method) for path, item in json.loads(openapi_json())["paths"].items() for method in item]


@pytest.fixture(scope="module")
def document(api_server: Any) -> Any:
    """The document that the running server shows."""
    return schemathesis.openapi.from_url(f"{api_server.url}/openapi.json")


@pytest.fixture(scope="module")
def ready_images(api_server: Any, call_as_application: Any, file: bytes) -> list[str]:
    """Ids of images that are there: a random id is never one. Some calls delete them; that is well, too."""
    with call_as_application(api_server) as api:
        return [api.ready(file, kind=kind)["id"] for kind in ("photo", "photo", "private-photo")]


@pytest.mark.parametrize(("path", "method"), CALLS)
def test_every_answer_is_what_the_document_says(
    document: Any, api_server: Any, ready_images: list[str], path: str, method: str
):
    @hypothesis.settings(
        max_examples=EXAMPLES_OF_EACH_CALL,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(case=document[path][method].as_strategy(), known=hypothesis.strategies.integers(0, 5))
    def each(case: Any, known: int) -> None:
        if "image_id" in (case.path_parameters or {}) and known < len(ready_images):
            case.path_parameters["image_id"] = ready_images[known]
        headers = bearer(api_server.key)
        case.call_and_validate(checks=CHECKS, headers=headers, timeout=60)

    each()


def test_every_call_of_the_document_is_tried(document: Any):
    tried = {(path, method.lower()) for path, method in CALLS}

    assert {(one.ok().path, one.ok().method.lower()) for one in document.get_all_operations()} == tried
