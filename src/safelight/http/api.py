"""The API: Litestar, the routes, and how its errors go out."""

from functools import cache, partial
from http import HTTPStatus
from typing import cast

import structlog
from litestar import Litestar, Response
from litestar.config.cors import CORSConfig
from litestar.datastructures import State
from litestar.di import Provide
from litestar.exceptions import HTTPException, ValidationException
from litestar.types import Middleware

from safelight.domain.errors import RequestInvalid, RequestTooLarge, SafelightError
from safelight.http import (
    gallery_routes,
    image_routes,
    operate_routes,
    owner_routes,
    part_routes,
    record_routes,
    review_routes,
    show_routes,
    token_routes,
    upload_routes,
    visibility_routes,
)
from safelight.http.audit import note_refusal
from safelight.http.auth import ApiRequest
from safelight.http.idempotency import honouring_keys
from safelight.http.openapi import openapi_schema
from safelight.http.parts import Parts
from safelight.http.paths import RawPaths
from safelight.http.problems import Problem, http_problem, problem, wrong_method
from safelight.http.rates import counted_by
from safelight.http.request_id import request_id_of

log = structlog.get_logger()

ROUTES = [
    show_routes.kinds,
    show_routes.one_kind,
    upload_routes.request,
    upload_routes.resign,
    part_routes.part_urls,
    part_routes.parts_seen,
    upload_routes.confirm,
    image_routes.check,
    image_routes.events,
    show_routes.show,
    gallery_routes.urls,
    image_routes.page,
    image_routes.remove,
    image_routes.reprocess,
    review_routes.review,
    visibility_routes.visibility,
    token_routes.give_tokens,
    token_routes.withdraw_tokens,
    record_routes.attach,
    record_routes.place,
    record_routes.record,
    record_routes.remove_record,
    owner_routes.one,
    owner_routes.block,
    owner_routes.unblock,
    owner_routes.erase,
    operate_routes.alive,
    operate_routes.ready,
    operate_routes.metrics,
    operate_routes.openapi,
    operate_routes.docs,
]

EXPOSED = [
    "etag",
    "retry-after",
    "location",
    "x-request-id",
    "ratelimit",
    "ratelimit-policy",
    "idempotency-replayed",
]
"""Response headers that scripts of allowed origins may read."""

NOTHING_HERE = "There is nothing at this path. Every path that there is: /docs"


def api(parts: Parts, *, version: str) -> Litestar:
    """Return the API over these parts."""
    return RawPaths(
        route_handlers=ROUTES,
        middleware=[cast("Middleware", counted_by(parts.rates)), cast("Middleware", honouring_keys(parts))],
        dependencies={"parts": Provide(lambda: parts, sync_to_thread=False)},
        exception_handlers={SafelightError: _refused, HTTPException: _http_error, Exception: _our_fault},
        request_max_body_size=parts.limits.max_body_bytes,
        cors_config=_cors(parts.limits.allowed_origins),
        openapi_config=None,
        state=State({"parts": parts, "openapi": cache(partial(openapi_schema, ROUTES, version=version))}),
        logging_config=None,
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


def _refused(request: ApiRequest, error: SafelightError) -> Response[bytes]:
    note_refusal(request, error, request.app.state.parts)
    said = problem(error, request_id=request_id_of(request.scope))
    if said.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log.error("request_failed", code=error.code, error=str(error), path=request.url.path)
    return _response(said)


def _http_error(request: ApiRequest, error: HTTPException) -> Response[bytes]:
    """Answer what Litestar refused: a body or parameter that is wrong, a path or method that does not exist."""
    match error:
        case ValidationException():
            return _refused(request, RequestInvalid(reason=_reason(error)))
        case HTTPException(status_code=400):
            return _refused(request, RequestInvalid(reason=str(error.detail)))
        case HTTPException(status_code=413):
            return _refused(request, RequestTooLarge(allowed=cast("int", request.app.request_max_body_size)))
        case HTTPException(status_code=status) if status < HTTPStatus.INTERNAL_SERVER_ERROR:
            return _response(_of_http(error, request_id_of(request.scope)))
        case _:
            return _our_fault(request, error)


def _of_http(error: HTTPException, request_id: str | None) -> Problem:
    """Return the answer to what HTTP itself knows as an error."""
    match error:
        case HTTPException(status_code=404):
            return http_problem(404, detail=NOTHING_HERE, request_id=request_id)
        case HTTPException(status_code=405, headers={"allow": allowed}):
            return wrong_method(allowed, request_id=request_id)
        case _:
            return http_problem(error.status_code, detail=str(error.detail), request_id=request_id)


def _our_fault(request: ApiRequest, error: Exception) -> Response[bytes]:
    """Answer what nobody foresaw, at the edge of the process: logged whole, told to nobody."""
    log.error("request_broke", path=request.url.path, exc_info=error)
    return _response(problem(error, request_id=request_id_of(request.scope)))


def _reason(error: ValidationException) -> str:
    """Return which field is wrong, and how, in one line."""
    extra = error.extra if isinstance(error.extra, list) else []
    found = [f"{one.get('key', 'body')}: {one.get('message', '')}" for one in extra if isinstance(one, dict)]
    return "; ".join(found) or str(error.detail)


def _response(answer: Problem) -> Response[bytes]:
    headers = dict(answer.headers)
    return Response(answer.body, status_code=answer.status, media_type=headers.pop("content-type"), headers=headers)
