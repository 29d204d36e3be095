"""What docs/upload.md shows runs as it is written, against a real server: its shell block, and its page in Chromium."""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import httpx
from joserfc import jwt
from joserfc.jwk import OctKey

from chromium import pages_of, seen_by_chromium
from safelight.http.wire.uploads import UploadRequestIn
from safelight.testing.server import Server

JWT_SECRET = "a secret of the page, which is long enough"
CHOOSING = """<script type="module">
const file = new File([await (await fetch("me.jpg")).blob()], "me.jpg", { type: "image/jpeg" });
const input = document.querySelector("input"), picked = new DataTransfer();
picked.items.add(file);
input.files = picked.files;
input.onchange();
</script>"""
"""What a user does by hand: choose a file."""

PAGE = (Path(__file__).parents[2] / "docs" / "upload.md").read_text()


def by_curl(server: Server, photo: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the script of the page."""
    script, _ = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    named = {"SAFELIGHT_URL": server.url, "SAFELIGHT_API_KEY": server.key, "FILE": photo.name, **variables}
    return subprocess.run(  # noqa: S603 - our own documentation
        ["/bin/bash", "-euo", "pipefail", "-c", script],
        cwd=photo.parent, env=os.environ | named, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_the_four_calls_by_curl_end_with_an_image_that_can_be_seen(
    start_server: Callable[..., Server], photo: Path
) -> None:
    server = start_server(min_free_bytes="0")

    ran = by_curl(server, photo)

    assert ran.returncode == 0, ran.stdout + ran.stderr
    lines = ran.stdout.splitlines()
    urls = lines[lines.index("ready") + 1 :]
    assert [httpx.get(url, follow_redirects=True).status_code for url in urls] == [200, 200, 200]


def test_by_curl_a_refused_request_ends_the_script_with_the_reason(
    start_server: Callable[..., Server], photo: Path
) -> None:
    server = start_server(min_free_bytes="0")

    ran = by_curl(server, photo, KIND="nothing-like-it")

    assert ran.returncode == 1
    assert '"code": "unknown_kind"' in ran.stderr
    assert "Traceback" not in ran.stderr


def test_the_table_has_every_field_of_a_request() -> None:
    assert set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)) == set(UploadRequestIn.__struct_fields__)


def to_call(server: Server) -> str:
    """Return the page of the docs for a user of this server, who chooses a photo at once."""
    claims = {"sub": "42", "exp": int(time.time()) + 600}
    token = jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(JWT_SECRET))
    [page] = re.findall(r"```html\n(.*?)```", PAGE, re.DOTALL)
    return page.replace("http://127.0.0.1:8080", server.url).replace("eyJ...", token) + CHOOSING


def test_a_browser_uploads_from_an_origin_that_is_allowed_and_from_no_other(
    start_server: Callable[..., Server], photo: Path, tmp_path: Path
) -> None:
    kinds, folder = tmp_path / "images.py", tmp_path / "pages"
    [declared] = re.findall(r"```python\n(# images.py\n.*?)```", PAGE, re.DOTALL)
    kinds.write_text(declared)
    folder.mkdir()
    shutil.copy(photo, folder / "me.jpg")

    with pages_of(folder) as origin:
        server = start_server(
            kinds=str(kinds), jwt_secret=JWT_SECRET, allowed_origins=f"https://app.example {origin}", min_free_bytes="0"
        )
        (folder / "page.html").write_text(to_call(server))
        here = seen_by_chromium(f"{origin}/page.html", tmp_path / "profile")
        elsewhere = seen_by_chromium(f"{origin.replace('127.0.0.1', 'localhost')}/page.html", tmp_path / "profile")

    shown = re.search(r'<img alt="" src="(http[^"]+)"> <p>Here it is\.</p>', here)
    assert shown, here
    assert httpx.get(shown[1], follow_redirects=True).status_code == 200
    assert '<img alt=""> <p>Failed to fetch</p>' in elsewhere
