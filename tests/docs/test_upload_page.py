"""The shell block of docs/upload.md runs as it is written, against a real server."""

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import httpx

from safelight.http.wire import UploadRequestIn
from safelight.testing.server import Server

PAGE = (Path(__file__).parents[2] / "docs" / "upload.md").read_text()


def test_the_four_calls_by_curl_end_with_an_image_that_can_be_seen(
    start_server: Callable[..., Server], photo: Path
) -> None:
    server = start_server(min_free_bytes="0")
    [commands] = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    environment = {**os.environ, "SAFELIGHT_URL": server.url, "SAFELIGHT_API_KEY": server.key, "FILE": photo.name}

    ran = subprocess.run(  # noqa: S603 - our own documentation
        ["/bin/bash", "-euo", "pipefail", "-c", commands],
        cwd=photo.parent, env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert ran.returncode == 0, ran.stdout + ran.stderr
    lines = ran.stdout.splitlines()
    urls = lines[lines.index("ready") + 1 :]
    assert [httpx.get(url, follow_redirects=True).status_code for url in urls] == [200, 200, 200]


def test_the_table_has_every_field_of_a_request() -> None:
    assert set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)) == set(UploadRequestIn.__struct_fields__)
