"""Answers calls that are cut off because their process is stopped, so that their callers ask again elsewhere."""

import asyncio

from safelight.domain.errors import Busy
from safelight.http.asgi import App, Exchange, Receive, Scope, Send, answer
from safelight.http.problems import problem
from safelight.http.request_id import request_id_of


def answering_cut_off(app: App) -> App:
    """Return `app`, which says 503 where a call is cancelled before its answer has begun.

    A long poll may take longer than the grace of a process that is to end. This belongs outermost: the cancellation
    ends here, as nothing is left to be cut off.
    """

    async def answering(scope: Scope, receive: Receive, send: Send) -> None:
        exchange = Exchange(receive, send)
        try:
            await app(scope, exchange.receive, exchange.send)
        except asyncio.CancelledError:
            if exchange.answer_begun:
                raise
            said = problem(Busy(), request_id=request_id_of(scope))
            await answer(send, said.status, said.headers, said.body)

    return answering
