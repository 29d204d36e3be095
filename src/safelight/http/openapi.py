"""The OpenAPI document: what it says of the whole, and what can go wrong with each call."""

import inspect
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from litestar import Litestar
from litestar.di import Provide
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import Components, License, SecurityRequirement, SecurityScheme, Tag

from safelight.domain import errors, formats, image, report
from safelight.domain.errors import SafelightError
from safelight.http.idempotency import HEADER, KEY_PATTERN
from safelight.http.problems import CONTENT_TYPE, STATUS
from safelight.http.wire import gallery, images, kinds, owners, parts, problem, records, uploads

Responses = dict[int, ResponseSpec]
Schema = Mapping[str, Any]

SHAPES = (gallery, images, kinds, owners, parts, problem, records, uploads, report, image, formats)
"""The modules whose classes are shapes of the JSON."""

TAGS = {
    "Rules": "What may be uploaded.",
    "1 Request": (
        "Ask for leave to upload. The bytes go to the signed URL in the answer, which is step 2: `PUT` the file there "
        "with `upload.headers`; or, asked for with `transport` `post`, send a multipart form with `upload.fields` and "
        "the file as its last field. Any status from 200 to 299 says that it is stored, 412 that it was before. With "
        "`transport` `multipart`, ask `upload.url` for the URLs of parts, and `PUT` each part there."
    ),
    "3 Confirm": "Say that the bytes are there. Step 4, the processing, begins by itself.",
    "5 Check": "Ask, wait or listen until the image is ready.",
    "6 Show": "Where the image is.",
    "Associate": (
        "Which images are at which record of the application. In a path, type and id are percent-encoded, also `/`."
    ),
    "Manage": "For the application's own server.",
    "Operate": "For whoever runs Safelight.",
}
"""The parts of the document, in order."""

BODY = (errors.RequestInvalid, errors.RequestTooLarge, errors.UploadTooSlow)
"""What can be wrong with any body."""

REACHING = (errors.NotAuthenticated, errors.NotAllowed, errors.TokenInvalid, errors.TokenSpent, errors.ImageNotFound)
"""What keeps a caller from an image."""

FOR_ANYBODY: list[SecurityRequirement] = [{}]
"""A call that needs no credential."""

FOR_ANYBODY_OR_BEARER: list[SecurityRequirement] = [{}, {"bearer": []}]
"""A call that needs none for what is public."""

_OF_KEYS = {
    "409": (errors.IdempotencyKeyReused.code, errors.IdempotencyInProgress.code),
    "422": (errors.RequestInvalid.code,),
}
"""What can be wrong with an Idempotency-Key, by status."""

BODY_SHAPE = "body_shape"
"""Key of a route's `opt`: what its body is. Litestar would read a body less strictly than `wire.parse` does."""

STOCK_REFUSAL = "400"
"""Litestar's own answer to bad input, which it documents by itself. Ours is 422, and a problem document."""


def openapi_schema(routes: Sequence[HTTPRouteHandler], *, version: str) -> Schema:
    """Return the OpenAPI document of these routes.

    It is made by an application of its own, which serves nobody: the one that does would add pages that are not ours.
    """
    described = Litestar(
        routes,
        dependencies={"parts": Provide(lambda: None, sync_to_thread=False)},
        openapi_config=_config(version),
        logging_config=None,
    )
    schema = described.openapi_schema.to_schema()
    for path in schema["paths"].values():
        for operation in path.values():
            operation["responses"].pop(STOCK_REFUSAL, None)
    _describe_keys(schema)
    for name, shape in schema["components"]["schemas"].items():
        shape["description"] = _docstring(name)
    for route in routes:
        if BODY_SHAPE in route.opt:
            _describe_body(schema, route.handler_name, route.opt[BODY_SHAPE])
    return schema


def _describe_keys(schema: Schema) -> None:
    """Say that every POST takes an Idempotency-Key, and what comes of it."""
    for path in schema["paths"].values():
        if (operation := path.get("post")) is None:
            continue
        operation.setdefault("parameters", []).append(
            {
                "name": HEADER,
                "in": "header",
                "required": False,
                "description": "Makes the call safe to repeat: the same key and call get the same answer",
                "schema": {"type": "string", "pattern": KEY_PATTERN},
            }
        )
        for status, codes in _OF_KEYS.items():
            answer = operation["responses"].setdefault(status, {"content": operation["responses"]["500"]["content"]})
            told = answer["description"].split(", ") if "description" in answer else []
            answer["description"] = ", ".join(dict.fromkeys((*told, *codes)))


def _describe_body(schema: Schema, operation_id: str, shape: type[msgspec.Struct]) -> None:
    """Say what a call takes, which its handler reads by itself. Where nothing in it is required, neither is it."""
    required = any(field.required for field in msgspec.structs.fields(shape))
    (described,), shapes = msgspec.json.schema_components([shape], ref_template="#/components/schemas/{name}")
    schema["components"]["schemas"].update(shapes)
    for path in schema["paths"].values():
        for operation in path.values():
            if operation["operationId"] == operation_id:
                content = {"application/json": {"schema": described}}
                operation["requestBody"] = {"content": content, "required": required}


def _docstring(name: str) -> str:
    """Return what the class that gave a shape its name says of itself. Litestar does not ask."""
    found = next(getattr(module, name) for module in SHAPES if hasattr(module, name))
    return inspect.getdoc(found) or ""


def openapi_document(schema: Schema) -> bytes:
    """Return the OpenAPI document as JSON, laid out to be read and compared."""
    return msgspec.json.format(msgspec.json.encode(schema), indent=2) + b"\n"


def _config(version: str) -> OpenAPIConfig:
    bearer = SecurityScheme(
        type="http", scheme="bearer", description="An API key, a JWT of a user, or an image's write or read token"
    )
    return OpenAPIConfig(
        title="Safelight",
        version=version,
        summary="Images from users, taken in safely",
        description=(
            "Request an upload, send the bytes to the URL you get, confirm, check until the image is ready. "
            "Say who you are with `Authorization: Bearer ...`: an API key (`safelight keys create`), a JWT of a user "
            "of the application, or the write or read token of one image. Errors are problem documents (RFC 9457) "
            "whose `code` is stable."
        ),
        license=License(name="Apache-2.0", identifier="Apache-2.0"),
        components=Components(security_schemes={"bearer": bearer}),
        security=[{"bearer": []}],
        tags=[Tag(name=name, description=description) for name, description in TAGS.items()],
        use_handler_docstrings=True,
        operation_id_creator=lambda handler, _method, _path: handler.handler_name,
    )


def problems(*possible: type[SafelightError], limited: bool = True) -> Responses:
    """Return the answers that these errors give, and those that any call can give.

    `limited`: whether there is a limit to how often.
    """
    codes: defaultdict[int, list[str]] = defaultdict(list, {500: ["internal_error"]})
    several: list[type[SafelightError]] = [*possible, errors.Busy, errors.StorageFailed]
    if limited:
        several.append(errors.TooManyRequests)
    for error in dict.fromkeys(several):
        codes[STATUS[error]].append(error.code)
    return {
        status: ResponseSpec(
            problem.ProblemOut, generate_examples=False, description=", ".join(found), media_type=CONTENT_TYPE
        )
        for status, found in sorted(codes.items())
    }


def success(content: type[object] | None, description: str, *, media_type: str = "application/json") -> ResponseSpec:
    """Return an answer that the signature of its handler does not tell."""
    return ResponseSpec(content, generate_examples=False, description=description, media_type=media_type)
