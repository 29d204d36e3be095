"""Counts the bytes of bodies that go through an application."""

from safelight.http.asgi import App, Message, Receive, Scope, Send
from safelight.ports.metrics import Metrics


def counted(app: App, metrics: Metrics) -> App:
    """Return `app`, with the bytes of its requests noted as `in` and those of its answers as `out`."""

    async def counting(scope: Scope, receive: Receive, send: Send) -> None:
        async def receive_counted() -> Message:
            message = await receive()
            if body := message.get("body"):
                metrics.moved("in", len(body))
            return message

        async def send_counted(message: Message) -> None:
            if body := message.get("body"):
                metrics.moved("out", len(body))
            await send(message)

        await app(scope, receive_counted, send_counted)

    return counting
