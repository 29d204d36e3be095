"""A caller of ASGI applications, without a server."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import pytest

from credentials import AddKey, keep_key
from safelight.adapters.disk.signer import DiskSigner
from safelight.adapters.rates import MemoryRates
from safelight.domain.tokens import Keyring, Tokens
from safelight.http.body import Pace
from safelight.http.cors import origin_headers
from safelight.http.files import Files
from safelight.http.gateway import Gateway
from safelight.http.uploads import Uploads
from safelight.ports.rate_limiter import Rate
from safelight.testing.memory_store import MemoryObjectStore

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
ORIGIN = "https://app.example"
DOWNLOADS = 50


class Noon:
    def now(self) -> datetime:
        return NOON


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


@dataclass
class Client:
    """Calls the byte services. `read` counts the pieces of the body that the application took."""

    app: Any
    store: MemoryObjectStore
    signer: DiskSigner
    tokens: Tokens
    read: int = 0
    noon: datetime = field(default=NOON)

    async def __call__(
        self, method: str, url: str, *pieces: bytes, headers: dict[str, str] | None = None, breaks_off: bool = False
    ) -> Answer:
        address = urlsplit(url)
        scope = {
            "type": "http",
            "method": method,
            "path": address.path,
            "query_string": address.query.encode(),
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in (headers or {}).items()],
        }
        coming = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
        if breaks_off:
            coming.append({"type": "http.disconnect"})
        elif coming:
            coming[-1]["more_body"] = False
        else:
            coming = [{"type": "http.request", "body": b"", "more_body": False}]
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            if not sent:
                self.read += 1
            return coming.pop(0) if coming else {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        await self.app(scope, receive, send)
        start, *bodies = sent
        answered = {name.decode(): value.decode("latin-1") for name, value in start["headers"]}
        assert not bodies[-1].get("more_body", False)
        return Answer(start["status"], answered, b"".join(body.get("body", b"") for body in bodies))


@pytest.fixture
def add_key(stage: Any) -> AddKey:
    """Keeps KEY with these scopes, by default with every one."""
    return partial(keep_key, stage)


@pytest.fixture
def client() -> Client:
    store = MemoryObjectStore()
    ring = Keyring({"a": b"a" * 32}, "a")
    tokens = Tokens(lambda: ring)
    pace = Pace(total=timedelta(seconds=60), grace=timedelta(milliseconds=50), least_rate=1_000_000)
    app = Gateway(
        uploads=Uploads(store, tokens, clock=Noon(), pace=pace, allowed_origins=[ORIGIN]),
        files=Files(
            store,
            tokens,
            clock=Noon(),
            allowed_origins=[ORIGIN],
            limiter=MemoryRates(refused=lambda _: None, now=lambda: 0.0),
            downloads=Rate("address-downloads", DOWNLOADS),
        ),
        new_request_id=lambda: "request-1",
        origin_headers=lambda scope: origin_headers(scope, [ORIGIN]),
    )
    signer = DiskSigner(tokens, uploads_url="https://up.example", delivery_url="https://cdn.example")
    return Client(app, store, signer, tokens)
