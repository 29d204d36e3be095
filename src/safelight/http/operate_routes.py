"""Health, metrics and the documentation of the API itself."""

from litestar import MediaType, Response, get

from safelight.domain.errors import DiskFull
from safelight.http.auth import ApiParts, ApiRequest
from safelight.http.callers import WHO, By
from safelight.http.docs_page import docs_page
from safelight.http.openapi import FOR_ANYBODY, openapi_document, problems, success
from safelight.http.rates import COUNTED_AS, Count

DOCS_CSP = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
"""The page has a style sheet of its own and nothing else."""


@get(
    "/healthz",
    tags=["Operate"],
    summary="Is the process alive?",
    response_description="It is",
    security=FOR_ANYBODY,
    opt={WHO: (By.ANYBODY,), COUNTED_AS: Count.NOTHING},
    responses=problems(limited=False),
)
async def alive() -> dict[str, str]:
    """Answer while the process can answer at all."""
    return {"status": "ok"}


@get(
    "/readyz",
    tags=["Operate"],
    summary="Can it serve?",
    response_description="It can",
    security=FOR_ANYBODY,
    opt={WHO: (By.ANYBODY,), COUNTED_AS: Count.NOTHING},
    responses=problems(DiskFull, limited=False),
)
async def ready(parts: ApiParts) -> dict[str, str]:
    """Answer 200 where database and store answer and there is room for uploads, else 503 or 507."""
    await parts.ready()
    return {"status": "ready"}


@get(
    "/metrics",
    tags=["Operate"],
    summary="Measurements for Prometheus",
    security=FOR_ANYBODY,
    opt={WHO: (By.ANYBODY,), COUNTED_AS: Count.NOTHING},
    responses={200: success(str, "Prometheus text format", media_type="text/plain")} | problems(limited=False),
)
async def metrics(parts: ApiParts) -> Response[bytes]:
    """Return steps, bytes, latencies and levels in the Prometheus text format."""
    return Response(parts.exposition(), media_type="text/plain; version=0.0.4")


@get("/openapi.json", include_in_schema=False, opt={WHO: (By.ANYBODY,), COUNTED_AS: Count.OPEN_CALL})
async def openapi(request: ApiRequest) -> Response[bytes]:
    """Return the OpenAPI document."""
    return Response(openapi_document(request.app.state.openapi()), media_type=MediaType.JSON)


@get("/docs", include_in_schema=False, opt={WHO: (By.ANYBODY,), COUNTED_AS: Count.OPEN_CALL})
async def docs(request: ApiRequest) -> Response[str]:
    """Return the OpenAPI document as a page to read."""
    page = docs_page(request.app.state.openapi())
    return Response(page, media_type=MediaType.HTML, headers={"content-security-policy": DOCS_CSP})
