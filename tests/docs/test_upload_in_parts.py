"""What docs/upload.md shows of large files runs as it is written, on a real bucket: by curl, and in Chromium."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import PIL.Image
import pytest
from joserfc import jwt
from joserfc.jwk import OctKey

from chromium import pages_of, seen_by_chromium
from safelight.testing.s3 import S3Place
from safelight.testing.server import Server

JWT_SECRET = "a secret of the page, which is long enough"
CHOOSING = """<script type="module">
const file = new File([await (await fetch("me.tiff")).blob()], "me.tiff", { type: "image/tiff" });
const input = document.querySelector("input"), picked = new DataTransfer();
picked.items.add(file);
input.files = picked.files;
input.onchange();
</script>"""
"""What a user does by hand: choose a file."""

WHOLE = re.compile(r"  const \{ method, url, headers \} = .*?;\n  const sent = .*?;\n  if \(!sent.ok\) .*?;\n")
"""How the page sends a file whole."""

PAGE = (Path(__file__).parents[2] / "docs" / "upload.md").read_text()


def shown(language: str, beginning: str = "") -> list[str]:
    """Return the blocks of the page in a language."""
    return re.findall(rf"```{language}\n({re.escape(beginning)}.*?)```", PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the kinds of the page, and a TIFF of 20 MB: three parts."""
    folder = tmp_path_factory.mktemp("pages")
    [kinds] = shown("python", "# scans.py\n")
    (folder / "scans.py").write_text(kinds)
    PIL.Image.linear_gradient("L").resize((3000, 2240)).convert("RGB").save(folder / "me.tiff")
    return folder


@pytest.fixture(scope="module")
def origin(folder: Path) -> Iterator[str]:
    """Where the pages are."""
    with pages_of(folder) as origin:
        yield origin


@pytest.fixture(scope="module")
def server(s3: S3Place, folder: Path, origin: str) -> Iterator[Server]:
    """A server on a bucket that is set up for the page, as the docs say."""
    settings = {
        "kinds": str(folder / "scans.py"),
        "storage_url": s3.new_bucket_url(),
        "allowed_origins": origin,
        "jwt_secret": JWT_SECRET,
        "multipart_above": "9MB",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in s3.environment.items():
            patch.setenv(name, value)
        named = {f"SAFELIGHT_{name.upper()}": value for name, value in settings.items()}
        setup = [sys.executable, "-m", "safelight", "storage", "setup", "--apply", "--yes"]
        subprocess.run(setup, env=os.environ | named, cwd=folder, check=True, timeout=60, capture_output=True)  # noqa: S603 - our own program
        with Server(folder / "data", settings) as server:
            yield server


def by_curl(server: Server, folder: Path, commands: str) -> list[str]:
    """Run commands of the page, and return what they print."""
    environment = {
        **os.environ,
        "SAFELIGHT_URL": server.url,
        "SAFELIGHT_API_KEY": server.key,
        "FILE": "me.tiff",
        "KIND": "scan",
    }
    ran = subprocess.run(  # noqa: S603 - our own documentation
        ["/bin/bash", "-euo", "pipefail", "-c", commands],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout.splitlines()


def test_by_curl_a_file_goes_in_parts_and_a_second_run_goes_on(server: Server, folder: Path) -> None:
    whole, parts = shown("sh")
    requesting, _, rest = whole.replace("image/jpeg", "image/tiff").partition("# UPLOAD")
    confirming = "# CONFIRM" + rest.partition("# CONFIRM")[2]
    broken_off = parts.replace("do\n", "do\n    [ $number = 1 ] || break\n", 1)

    lines = by_curl(server, folder, requesting + broken_off + parts + confirming)

    urls = lines[lines.index("ready") + 1 :]
    assert [httpx.get(url, follow_redirects=True).status_code for url in urls] == [200]


def test_a_page_sends_a_file_in_parts_to_a_bucket_that_was_set_up_for_it(
    server: Server, folder: Path, origin: str, tmp_path: Path
) -> None:
    claims = {"sub": "42", "exp": int(time.time()) + 600}
    token = jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(JWT_SECRET))
    [page], [function] = shown("html"), shown("js")
    in_parts, replaced = WHOLE.subn("  await sendParts(file, requested);\n", page)
    assert replaced == 1
    page = in_parts.replace("snapshot", "scan").replace("async function upload", f"{function}\nasync function upload")
    page = page.replace("http://127.0.0.1:8080", server.url).replace("eyJ...", token)
    (folder / "page.html").write_text(page + CHOOSING)

    seen = seen_by_chromium(f"{origin}/page.html", tmp_path / "profile")

    found = re.search(r'<img alt="" src="(http[^"]+)"> <p>Here it is\.</p>', seen)
    assert found, seen
    assert httpx.get(found[1], follow_redirects=True).status_code == 200
