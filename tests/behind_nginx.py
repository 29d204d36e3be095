"""Runs nginx on loopback, by a configuration of ours that stands in a folder of its own."""

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safelight.testing.debian import installed

START_WITHIN_S = 20

AROUND = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{}}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/safelight.conf;
}}
"""
"""What nginx needs around what it serves: `safelight.conf`, in the same folder."""


def around(folder: Path) -> str:
    """Return the configuration that includes `safelight.conf`, and keeps to the folder."""
    return AROUND.format(folder=folder)


@contextmanager
def nginx(configuration: Path, port: int) -> Iterator[None]:
    """Run nginx as long as the block lasts."""
    with subprocess.Popen([installed("nginx", "nginx"), "-c", configuration]) as running:  # noqa: S603 - Debian's program
        try:
            deadline = time.monotonic() + START_WITHIN_S
            while not listens(port):
                assert running.poll() is None, (configuration.parent / "error.log").read_text()
                assert time.monotonic() < deadline, "nginx does not listen"
                time.sleep(0.02)
            yield
        finally:
            running.terminate()


def listens(port: int) -> bool:
    """Return whether something does."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
