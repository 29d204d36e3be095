"""An application that is told of images, and answers when it is let."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self


class WebhookSink:
    """Takes webhooks on loopback and counts them; while it is `held`, they wait for their answer."""

    def __init__(self) -> None:
        self.received = 0
        self._open = threading.Event()
        self._open.set()
        sink = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"]))
                sink.take()
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        """Where webhooks go."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/"

    @contextmanager
    def held(self) -> Iterator[None]:
        """Answer nothing until the end of the block."""
        self._open.clear()
        try:
            yield
        finally:
            self._open.set()

    def take(self) -> None:
        """Take one, as soon as it may be answered."""
        self._open.wait()
        with self._lock:
            self.received += 1
