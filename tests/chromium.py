"""Pages in a real browser, for tests of what the docs show."""

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from safelight.testing.debian import installed


@contextmanager
def pages_of(folder: Path) -> Iterator[str]:
    """Serve a folder on loopback, and return its origin."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=folder)) as pages:
        threading.Thread(target=pages.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{pages.server_port}"
        pages.shutdown()


def seen_by_chromium(address: str, profile: Path) -> str:
    """Return the page as Chromium has it when nothing moves any more."""
    flags = ("--no-sandbox", "--headless", "--disable-gpu", "--disable-background-networking")
    more = ("--disable-component-update", "--virtual-time-budget=30000", f"--user-data-dir={profile}", "--dump-dom")
    command = [installed("chromium", "chromium"), *flags, *more, address]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout  # noqa: S603 - our own page
