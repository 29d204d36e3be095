"""Whatever error a test hears from the API must stand in the OpenAPI document, under the call that it came from."""

import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

import httpx

from safelight.apps.api import openapi_json

OF_HTTP = {"not_found", "method_not_allowed"}
"""Codes of what is no call of the API."""


@cache
def _operations() -> list[tuple[str, re.Pattern[str], Mapping[str, Any]]]:
    paths: Mapping[str, Mapping[str, Any]] = json.loads(openapi_json())["paths"]
    return [
        (method.upper(), re.compile(re.sub(r"\{\w+\}", "[^/]+", path)), operation)
        for path, operations in paths.items()
        for method, operation in operations.items()
    ]


async def see_that_it_is_documented(response: httpx.Response) -> None:
    """Raise AssertionError for an error that the document does not say the call can give. A hook of httpx."""
    if not response.is_error:
        return
    code = json.loads(await response.aread())["code"]
    path = response.request.url.raw_path.decode().partition("?")[0]
    for method, pattern, operation in _operations():
        if code not in OF_HTTP and method == response.request.method and pattern.fullmatch(path):
            said = operation["responses"].get(str(response.status_code), {}).get("description", "")
            assert code in said.split(", "), f"{method} {path} answers {code}, which its `responses` do not name"
