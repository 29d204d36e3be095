"""What the tests of servers use, and of commands beside them."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import PIL.Image
import pytest

from credentials import bearer
from safelight.testing import corpus
from safelight.testing.clamav import ClamAVDaemon
from safelight.testing.receiver import SECRET, Receiver, receiving
from safelight.testing.s3 import S3Place
from safelight.testing.server import Server

Command = Callable[..., subprocess.CompletedProcess[str]]

COMMAND_WITHIN_S = 120

ORIGIN = "https://app.example"


@pytest.fixture
def own_bucket(s3: S3Place, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of a bucket of the test's own, whose rules it may change; whatever is started may use it."""
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    return s3.new_bucket_url()


@pytest.fixture(scope="session")
def commands_in() -> Callable[[Path], Command]:
    """Makes what runs `safelight` with these words, in this folder and a process of its own, and settings by name."""

    def make(folder: Path) -> Command:
        def run(*words: object, **settings: str) -> subprocess.CompletedProcess[str]:
            inherited = {name: value for name, value in os.environ.items() if not name.startswith("SAFELIGHT_")}
            named = {f"SAFELIGHT_{name.upper()}": value for name, value in settings.items()}
            return subprocess.run(  # noqa: S603 - our own program, with a test's words
                [sys.executable, "-m", "safelight", *map(str, words)],
                env=inherited | {"COLUMNS": "200"} | named,
                cwd=folder,
                capture_output=True,
                text=True,
                timeout=COMMAND_WITHIN_S,
                check=False,
            )

        return run

    return make


@pytest.fixture
def command(commands_in: Callable[[Path], Command], tmp_path: Path) -> Command:
    """Runs `safelight` with these words in a process of its own; settings are given by name."""
    return commands_in(tmp_path)


@pytest.fixture
def picture() -> Callable[[int], bytes]:
    """Makes small JPEG files, a different one for each number."""

    def make(number: int) -> bytes:
        file = BytesIO()
        PIL.Image.new("RGB", (640, 480), (number * 5 % 256, number * 11 % 256, 90)).save(file, "JPEG")
        return file.getvalue()

    return make


@pytest.fixture(scope="session")
def receiver() -> Iterator[Receiver]:
    """A real server on loopback that takes webhooks."""
    with receiving() as taken:
        yield taken


@pytest.fixture(scope="session")
def api_server(tmp_path_factory: pytest.TempPathFactory, receiver: Receiver) -> Iterator[Server]:
    """One server for all tests that only call it: the example kinds, quick pings, webhooks to `receiver`."""
    settings = {
        "min_free_bytes": "0",
        "events_ping": "0.3",
        "max_wait": "20",
        "max_page": "5",
        "retry_base": "0.2",
        "webhook_url": receiver.url,
        "webhook_secret": SECRET,
        "webhook_private": "true",
        "webhook_retry_base": "0.2",
        "allowed_origins": ORIGIN,
    }
    with Server(tmp_path_factory.mktemp("server") / "data", settings) as server:
        yield server


@dataclass
class Api:
    """Calls a server as the application would, step by step."""

    server: Server
    http: httpx.Client

    def request(self, content: bytes, *, kind: str = "photo", **more: object) -> dict[str, Any]:
        """REQUEST, as it must succeed."""
        wanted = {"kind": kind, "filename": "p.jpg", "size": len(content), "content_type": "image/jpeg", **more}
        answer = self.http.post("/v1/images", json=wanted)
        assert answer.status_code == 201, answer.text
        requested: dict[str, Any] = answer.json()
        return requested

    def upload(self, upload: dict[str, Any], content: bytes) -> httpx.Response:
        """UPLOAD, by whatever transport was given."""
        if upload["method"] == "POST":
            file = {"file": ("p.jpg", content, "image/jpeg")}
            return httpx.post(upload["url"], data=upload["fields"], files=file, timeout=30)
        return httpx.put(upload["url"], content=content, headers=upload["headers"], timeout=30)

    def confirm(self, image_id: str, token: str | None = None) -> httpx.Response:
        """CONFIRM."""
        return self.http.post(f"/v1/images/{image_id}/confirm", headers=bearer(token) if token else None)

    def uploaded(self, content: bytes, **more: object) -> dict[str, Any]:
        """REQUEST, UPLOAD and CONFIRM, as they must succeed; return what REQUEST answered."""
        requested = self.request(content, **more)  # type: ignore[arg-type]  # the fields of the request
        assert self.upload(requested["upload"], content).is_success  # 201 of ours, 200 of S3
        assert self.confirm(requested["id"], requested["write_token"]).status_code == 202
        return requested

    def final(self, image_id: str) -> dict[str, Any]:
        """CHECK by long polls, until the image is final."""
        for _ in range(4):
            answer = self.http.get(f"/v1/images/{image_id}", headers={"prefer": "wait=20"})
            assert answer.status_code == 200, answer.text
            report: dict[str, Any] = answer.json()
            if report["status"] not in {"requested", "uploaded", "processing"}:
                return report
        raise AssertionError(f"not final after 80 seconds: {report}")

    def ready(self, content: bytes, **more: object) -> dict[str, Any]:
        """Go the whole road; return what CHECK says in the end, with the tokens."""
        requested = self.uploaded(content, **more)
        report = self.final(requested["id"])
        assert report["status"] == "ready", report
        return report | {name: requested[name] for name in ("write_token", "read_token")}


@contextmanager
def calling(server: Server) -> Iterator[Api]:
    """Return a block with a caller of the server, with every right."""
    with httpx.Client(base_url=server.url, headers=bearer(server.key), timeout=60) as http:
        yield Api(server, http)


@pytest.fixture(scope="session")
def call_as_application() -> Callable[[Server], AbstractContextManager[Api]]:
    """Makes callers of any server."""
    return calling


@pytest.fixture
def api(api_server: Server) -> Iterator[Api]:
    """A caller with every right on the one server."""
    with calling(api_server) as api:
        yield api


@pytest.fixture(scope="session")
def clamav(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClamAVDaemon]:
    """A real ClamAV, installed where it is missing; whoever kills it starts it again."""
    with ClamAVDaemon(tmp_path_factory.mktemp("clamav")) as daemon:
        yield daemon


@pytest.fixture(scope="session")
def file() -> bytes:
    """A small JPEG of 640 x 480 that tells where it was taken."""
    image = PIL.Image.effect_noise((640, 480), 60).convert("RGB")
    content = BytesIO()
    image.save(content, "JPEG", exif=corpus.exif())
    return content.getvalue()
