"""Health and measurements of a part that has no API: what load balancers, supervisors and Prometheus ask."""

from collections.abc import Awaitable, Callable

import msgspec
import structlog

from safelight.domain.errors import SafelightError
from safelight.http.asgi import App, Receive, Scope, Send, answer
from safelight.http.problems import problem
from safelight.http.request_id import request_id_of

log = structlog.get_logger()

JSON = {"content-type": "application/json"}
PLAIN_TEXT = {"content-type": "text/plain; version=0.0.4"}
READ = ("GET", "HEAD")


def with_health(app: App, *, ready: Callable[[], Awaitable[None]], exposition: Callable[[], bytes]) -> App:
    """Return `app` with /healthz, /readyz and /metrics before it.

    `ready` raises what keeps this process from its work; `exposition` returns the measurements.
    """

    async def healthy(scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"] if scope["type"] == "http" and scope["method"] in READ else ""
        if path == "/healthz":
            await answer(send, 200, JSON, msgspec.json.encode({"status": "ok"}))
        elif path == "/readyz":
            await _say_whether(ready, scope, send)
        elif path == "/metrics":
            await answer(send, 200, PLAIN_TEXT, exposition())
        else:
            await app(scope, receive, send)

    return healthy


async def _say_whether(ready: Callable[[], Awaitable[None]], scope: Scope, send: Send) -> None:
    try:
        await ready()
    except SafelightError as error:
        log.warning("not_ready", code=error.code, reason=str(error))
        said = problem(error, request_id=request_id_of(scope))
        await answer(send, said.status, said.headers, said.body)
    else:
        await answer(send, 200, JSON, msgspec.json.encode({"status": "ready"}))
