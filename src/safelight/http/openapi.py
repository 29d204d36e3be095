"""The OpenAPI document: what it says of the whole, and what can go wrong with each call."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import msgspec
from litestar import Litestar
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import Components, License, SecurityScheme, Tag

from safelight.domain import errors
from safelight.domain.errors import SafelightError
from safelight.http.problems import CONTENT_TYPE, STATUS
from safelight.http.wire import ProblemOut

Responses = dict[int, ResponseSpec]

TAGS = {
    "Rules": "What may be uploaded.",
    "1 Request": "Ask for leave to upload. The bytes go to the signed URL in the answer, which is step 2.",
    "3 Confirm": "Say that the bytes are there. Step 4, the processing, begins by itself.",
    "5 Check": "Ask, wait or listen until the image is ready.",
    "6 Show": "Where the image is.",
    "Manage": "For the application's own server.",
    "Operate": "For whoever runs Safelight.",
}
"""The parts of the document, in order."""

BODY = (errors.RequestInvalid, errors.RequestTooLarge, errors.UploadTooSlow)
"""What can be wrong with any body."""

REACHING = (errors.NotAuthenticated, errors.NotAllowed, errors.TokenInvalid, errors.ImageNotFound)
"""What keeps a caller from an image."""

STOCK_REFUSAL = "400"
"""Litestar's own answer to bad input, which it documents by itself. Ours is 422, and a problem document."""


def openapi_config(version: str) -> OpenAPIConfig:
    """Return what the OpenAPI document says of the whole."""
    bearer = SecurityScheme(type="http", scheme="bearer", description="An API key, or an image's write or read token")
    return OpenAPIConfig(
        title="Safelight",
        version=version,
        summary="Images from users, taken in safely",
        description="Request an upload, send the bytes to the URL you get, confirm, check until the image is ready.",
        license=License(name="Apache-2.0", identifier="Apache-2.0"),
        components=Components(security_schemes={"bearer": bearer}),
        security=[{"bearer": []}],
        tags=[Tag(name=name, description=description) for name, description in TAGS.items()],
        use_handler_docstrings=True,
        enabled_endpoints=set(),
        operation_id_creator=lambda handler, _method, _path: handler.handler_name,
    )


def problems(*possible: type[SafelightError]) -> Responses:
    """Return the answers that these errors give, and those that any call can give."""
    codes: defaultdict[int, list[str]] = defaultdict(list, {500: ["internal_error"]})
    several: tuple[type[SafelightError], ...] = (*possible, errors.Busy, errors.StorageFailed)
    for error in dict.fromkeys(several):
        codes[STATUS[error]].append(error.code)
    return {
        status: ResponseSpec(ProblemOut, generate_examples=False, description=", ".join(found), media_type=CONTENT_TYPE)
        for status, found in sorted(codes.items())
    }


def success(content: type[object] | None, description: str, *, media_type: str = "application/json") -> ResponseSpec:
    """Return an answer that the signature of its handler does not tell."""
    return ResponseSpec(content, generate_examples=False, description=description, media_type=media_type)


def openapi_schema(app: Litestar) -> Mapping[str, Any]:
    """Return the OpenAPI document of the API."""
    schema = app.openapi_schema.to_schema()
    for path in schema["paths"].values():
        for operation in path.values():
            operation["responses"].pop(STOCK_REFUSAL, None)
    return schema


def openapi_document(app: Litestar) -> bytes:
    """Return the OpenAPI document, laid out to be read and compared."""
    return msgspec.json.format(msgspec.json.encode(openapi_schema(app)), indent=2) + b"\n"
