"""The front of the byte services: sends a request where its path belongs, and answers what goes wrong."""

from collections.abc import Callable

import structlog

from safelight.domain import keys
from safelight.domain.errors import Refused, SafelightError
from safelight.http.asgi import App, Exchange, Receive, Scope, Send
from safelight.http.body import refuse
from safelight.http.problems import http_problem, problem
from safelight.http.request_id import request_id_of

log = structlog.get_logger()

PREFIXES = (f"/{keys.INCOMING}", f"/{keys.PUBLIC}", f"/{keys.PRIVATE}")
"""What the paths of the byte services begin with. Everything else is the API's."""


class Gateway:
    """`uploads` behind `/incoming/`, `files` behind `/public/` and `/private/`; 404 for any other path."""

    def __init__(
        self,
        *,
        uploads: App,
        files: App,
        new_request_id: Callable[[], str],
        origin_headers: Callable[[Scope], dict[str, str]],
    ) -> None:
        self._uploads = uploads
        self._files = files
        self._new_request_id = new_request_id
        self._origin_headers = origin_headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        exchange = Exchange(receive, send)
        try:
            await self._app_for(scope["path"])(scope, exchange.receive, exchange.send)
        except Exception as error:  # noqa: BLE001 - the edge of the process
            await self._answer(error, scope, exchange)

    def _app_for(self, path: str) -> App:
        if keys.parse(path.removeprefix("/")) is None:
            return _not_found
        return self._uploads if path.startswith(PREFIXES[0]) else self._files

    async def _answer(self, error: Exception, scope: Scope, exchange: Exchange) -> None:
        request_id = request_id_of(scope) or self._new_request_id()
        if not isinstance(error, Refused):
            code = error.code if isinstance(error, SafelightError) else "internal_error"
            log.error("byte_service_failed", code=code, path=scope["path"], request_id=request_id, exc_info=error)
        if exchange.answer_begun:
            raise error
        said = problem(error, request_id=request_id)
        said.headers.update(self._origin_headers(scope))
        await refuse(exchange, said)


async def _not_found(scope: Scope, receive: Receive, send: Send) -> None:
    said = http_problem(404, detail="There is nothing here.", request_id=request_id_of(scope))
    await refuse(Exchange(receive, send), said)
