"""The API: Litestar, the routes, and how its errors go out."""

import re
import uuid
from typing import Any, cast

import structlog
from litestar import Litestar, Request, Response
from litestar.config.cors import CORSConfig
from litestar.di import Provide
from litestar.exceptions import HTTPException, ValidationException
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.spec import Components, License, SecurityScheme
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from safelight.domain.errors import RequestInvalid, RequestTooLarge, SafelightError
from safelight.http import image_routes, operate_routes, show_routes, upload_routes
from safelight.http.parts import Parts
from safelight.http.problems import Problem, http_problem, problem

log = structlog.get_logger()

ROUTES = [
    show_routes.kinds,
    show_routes.one_kind,
    upload_routes.request,
    upload_routes.resign,
    upload_routes.confirm,
    image_routes.check,
    image_routes.events,
    show_routes.show,
    image_routes.page,
    image_routes.remove,
    image_routes.reprocess,
    operate_routes.alive,
    operate_routes.ready,
    operate_routes.metrics,
    operate_routes.openapi,
    operate_routes.docs,
]

REQUEST_ID_HEADER = b"x-request-id"
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")

EXPOSED = ["etag", "retry-after", "location", "x-request-id"]
"""Response headers that scripts of allowed origins may read."""


def api(parts: Parts, *, version: str) -> Litestar:
    """Return the API over these parts."""
    return Litestar(
        route_handlers=ROUTES,
        dependencies={"parts": Provide(lambda: parts, sync_to_thread=False)},
        exception_handlers={SafelightError: _refused, HTTPException: _http_error, Exception: _our_fault},
        middleware=[_with_request_id],
        request_max_body_size=parts.limits.max_body_bytes,
        cors_config=_cors(parts.limits.allowed_origins),
        openapi_config=openapi_config(version),
        logging_config=None,
    )


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
        use_handler_docstrings=True,
        enabled_endpoints=set(),
        operation_id_creator=lambda handler, _method, _path: handler.handler_name,
    )


def _cors(origins: tuple[str, ...]) -> CORSConfig | None:
    if not origins:
        return None
    return CORSConfig(
        allow_origins=list(origins),
        allow_methods=["GET", "POST", "PUT", "DELETE"],
        allow_headers=["authorization", "content-type", "prefer", "if-none-match", "idempotency-key"],
        expose_headers=EXPOSED,
    )


def _with_request_id(app: ASGIApp) -> ASGIApp:
    """Give every request an id: the caller's own if it is a plain word, or a new one; and say it in the answer."""

    async def identified(scope: Scope, receive: Receive, send: Send) -> None:
        given = next((value for name, value in scope["headers"] if name == REQUEST_ID_HEADER), b"")
        request_id = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex.encode()
        scope["state"]["request_id"] = request_id.decode()

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (REQUEST_ID_HEADER, request_id)]
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id.decode()):
            await app(scope, receive, send_with_id)

    return identified


def _refused(request: Request[Any, Any, Any], error: SafelightError) -> Response[bytes]:
    answer = problem(error, request_id=_id_of(request))
    if answer.status >= 500:  # noqa: PLR2004 - the statuses of our own faults
        log.error("request_failed", code=error.code, error=str(error), path=request.url.path)
    return _response(answer)


def _http_error(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    """Answer what Litestar refused: a body or parameter that is wrong, a path or method that does not exist."""
    match error:
        case ValidationException():
            return _response(problem(RequestInvalid(reason=_reason(error)), request_id=_id_of(request)))
        case HTTPException(status_code=413):
            allowed = cast("int", request.app.request_max_body_size)
            return _response(problem(RequestTooLarge(allowed=allowed), request_id=_id_of(request)))
        case HTTPException(status_code=400):
            return _response(problem(RequestInvalid(reason=str(error.detail)), request_id=_id_of(request)))
        case _:
            headers = {name: value for name, value in (error.headers or {}).items() if name.lower() == "allow"}
            answer = http_problem(
                error.status_code, detail=str(error.detail), headers=headers, request_id=_id_of(request)
            )
            return _response(answer)


def _our_fault(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Answer what nobody foresaw, at the edge of the process: logged whole, told to nobody."""
    log.error("request_broke", path=request.url.path, exc_info=error)
    return _response(problem(error, request_id=_id_of(request)))


def _reason(error: ValidationException) -> str:
    """Return which field is wrong, and how, in one line."""
    extra = error.extra if isinstance(error.extra, list) else []
    found = [f"{one.get('key', 'body')}: {one.get('message', '')}" for one in extra if isinstance(one, dict)]
    return "; ".join(found) or str(error.detail)


def _response(answer: Problem) -> Response[bytes]:
    headers = dict(answer.headers)
    return Response(answer.body, status_code=answer.status, media_type=headers.pop("content-type"), headers=headers)


def _id_of(request: Request[Any, Any, Any]) -> str | None:
    return request.scope["state"].get("request_id")
