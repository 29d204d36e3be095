"""The application's end of the webhooks, for tests: a real server on loopback that keeps what comes.

with receiving() as receiver:
    settings = {"webhook_url": receiver.url}
"""

import json
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

SECRET = "whsec_dGhlIHNlY3JldCBvZiB0aGUgdGVzdHMsIDMyIGJ5dGVz"  # noqa: S105 - of tests

FAILS = re.compile(r"fails-(\d+)-times")
"""File names of images about which the receiver does not want to hear at first."""


@dataclass
class Receiver:
    """What came, and what is answered.

    The n-th try for an image whose file is called `fails-<m>-times...` gets a 500 while n <= m, any other a 204.
    """

    port: int = 0
    connections: int = 0
    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    @property
    def url(self) -> str:
        """The address that webhooks are to be sent to."""
        return f"http://127.0.0.1:{self.port}/hooks"

    def take(self, headers: dict[str, str], body: bytes) -> int:
        """Keep a message and return what to answer."""
        self.requests.append((headers, body))
        wanted = FAILS.match(json.loads(body)["data"]["filename"])
        return 500 if wanted and len(self.tries(headers["webhook-id"])) <= int(wanted[1]) else 204

    def tries(self, webhook_id: str) -> list[tuple[dict[str, str], bytes]]:
        """Return what came under this id."""
        return [one for one in self.requests if one[0]["webhook-id"] == webhook_id]

    def about(self, image_id: str) -> list[tuple[dict[str, str], bytes]]:
        """Return what came of this image."""
        return [one for one in list(self.requests) if json.loads(one[1])["data"]["id"] == image_id]


@contextmanager
def receiving(receiver: Receiver | None = None) -> Iterator[Receiver]:
    """Give a receiver that listens until the end of the block."""
    taken = receiver or Receiver()

    class Handler(BaseHTTPRequestHandler):
        def setup(self) -> None:
            taken.connections += 1
            super().setup()

        def do_POST(self) -> None:
            size = int(self.headers["Content-Length"])
            body = self.rfile.read(size)
            if len(body) < size:
                return  # whoever sends it was killed, and has sent nothing
            self.send_response(taken.take({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Keep the tests' output clean."""

    with _Server(("127.0.0.1", 0), Handler) as server:
        taken.port = server.server_port
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield taken
        finally:
            server.shutdown()
            thread.join()


class _Server(ThreadingHTTPServer):
    """Takes many connections at once, and is silent about those that break off."""

    request_queue_size = 200

    def handle_error(self, request: object, client_address: object) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]  # the same, said otherwise
