"""The bytes of bodies are counted on their way, both ways."""

from collections import Counter
from typing import Any

from safelight.adapters.metrics import PrometheusMetrics
from safelight.http.traffic import counted


class Counting(PrometheusMetrics):
    """Adds up bytes."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes: Counter[str] = Counter()

    def moved(self, direction: str, count: int) -> None:
        self.bytes[direction] += count


async def test_bodies_are_counted_and_pass_unchanged():
    coming = [
        {"type": "http.request", "body": b"abc", "more_body": True},
        {"type": "http.request", "body": b"de", "more_body": False},
        {"type": "http.disconnect"},
    ]
    sent: list[Any] = []
    received: list[Any] = []
    metrics = Counting()

    async def app(_scope: Any, receive: Any, send: Any) -> None:
        received.extend([await receive() for _ in range(3)])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"answer", "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    async def send(message: Any) -> None:
        sent.append(message)

    pieces = iter(coming)

    async def receive() -> Any:
        return next(pieces)

    await counted(app, metrics)({"type": "http"}, receive, send)

    assert received == coming
    assert [message.get("body") for message in sent] == [None, b"answer", b""]
    assert metrics.bytes == {"in": 5, "out": 6}
