"""Which pages may call from a browser (CORS, as the Fetch standard has it): a closed list of origins, never echoed."""

from collections.abc import Collection

from safelight.http.asgi import Scope, header

PREFLIGHT_SECONDS = 7200
"""Chromium remembers no preflight for longer."""

EXPOSED = "ETag, Retry-After, RateLimit, RateLimit-Policy"
"""Response headers that scripts of allowed origins may read."""

ANYONE = {"access-control-allow-origin": "*"}


def origin_headers(scope: Scope, allowed_origins: Collection[str]) -> dict[str, str]:
    """Return what an answer to this request says about its origin."""
    origin = header(scope, "origin")
    vary = {"vary": "Origin"}
    if origin is None or origin not in allowed_origins:
        return vary
    return vary | {"access-control-allow-origin": origin, "access-control-expose-headers": EXPOSED}


def preflight_headers(scope: Scope, allowed_origins: Collection[str], *, methods: str) -> dict[str, str]:
    """Return the answer to a preflight: `methods` is the list to allow, e.g. "PUT, POST"."""
    headers = origin_headers(scope, allowed_origins)
    if "access-control-allow-origin" not in headers:
        return headers
    return headers | {
        "access-control-allow-methods": methods,
        "access-control-allow-headers": "content-type",
        "access-control-max-age": str(PREFLIGHT_SECONDS),
    }
