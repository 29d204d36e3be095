"""From a folder to a bucket while clients request, upload, confirm, read and delete: nobody notices."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from credentials import bearer
from safelight.adapters.keyring import create_keyring
from safelight.adapters.s3 import rules
from safelight.adapters.s3.address import S3Address
from safelight.adapters.s3.bucket_rules import BucketRules
from safelight.adapters.s3.credentials import S3Credentials
from safelight.adapters.s3.object_store import open_s3_store
from safelight.adapters.system import SystemClock
from safelight.apps.storage_setup import open_requests
from safelight.testing.program import Program
from safelight.testing.proxy import HOST, Proxy
from safelight.testing.server import API_KEY, PATIENCE

KINDS = """
from safelight import Kind, cover

thumb = {"thumb": cover(96, 96, formats="jpeg")}
small = {"accept": "jpeg", "max_bytes": "1MB", "max_pixels": "1MP", "variants": thumb}
shown = Kind("shown", public=True, **small)
hidden = Kind("hidden", **small)
"""
ALL = ("api", "worker", "uploads")
APART_S = 0.5
FINAL_WITHIN_S = 120


@dataclass
class Fleet:
    """One of each part, behind a balancer; each can be exchanged for another one with further settings."""

    folder: Path
    settings: Mapping[str, str]
    stack: ExitStack
    parts: dict[str, Program] = field(default_factory=dict)
    started: int = 0

    def exchange(self, *words: str, **settings: str) -> None:
        """Start the new ones, lead clients to them, and ask the old ones to end, which they do well."""
        with ThreadPoolExecutor() as threads:
            list(threads.map(lambda word: self._exchange(word, settings), words))

    def retire(self, word: str) -> None:
        """End a part for which there is nothing to do any more."""
        assert self.parts.pop(word).stop() == 0

    def _exchange(self, word: str, settings: Mapping[str, str]) -> None:
        self.started += 1
        log = self.folder / f"{word}-{self.started}.log"
        new = Program([word], log, {**self.settings, **settings}, variables=PATIENCE)
        self.stack.callback(new.kill)
        new.start()
        old, self.parts[word] = self.parts.get(word), new
        if old is not None:
            assert old.stop() == 0


@dataclass
class Clients:
    """People and pages that go on whatever happens behind the address; every answer that is none they keep."""

    url: str
    content: bytes
    errors: list[str] = field(default_factory=list)
    images: deque[str] = field(default_factory=deque)
    ready: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)
    reads: int = 0

    def call(self, method: str, url: str, **more: Any) -> httpx.Response:
        """Make one call, on a connection of its own."""
        return httpx.request(method, url, timeout=30, follow_redirects=True, **more)

    def api(self, method: str, path: str, **more: Any) -> httpx.Response:
        """Call the API as the application does."""
        return self.call(method, f"{self.url}{path}", headers=bearer(API_KEY), **more)

    def request(self, kind: str) -> Any:
        """REQUEST."""
        wanted = {"kind": kind, "filename": "a.jpg", "size": len(self.content), "content_type": "image/jpeg"}
        return self.api("POST", "/v1/images", json=wanted).raise_for_status().json()

    def send(self, requested: Any) -> None:
        """UPLOAD and CONFIRM, by what was signed some time ago."""
        upload = requested["upload"]
        self.call("PUT", upload["url"], content=self.content, headers=upload["headers"]).raise_for_status()
        self.api("POST", f"/v1/images/{requested['id']}/confirm").raise_for_status()
        self.images.append(requested["id"])

    def look(self, image_id: str) -> bool:
        """CHECK, and show what is ready; return whether there is nothing to wait for."""
        try:
            return self._look(image_id)
        except httpx.HTTPStatusError:
            if image_id not in self.gone:
                raise
            return True

    def _look(self, image_id: str) -> bool:
        report = self.api("GET", f"/v1/images/{image_id}").raise_for_status().json()
        if report["status"] == "ready":
            shown = self.api("GET", f"/v1/images/{image_id}/variants/thumb")
            shown.raise_for_status()
            assert shown.content[:2] == b"\xff\xd8", shown.content[:20]
            self.ready.add(image_id)
            self.reads += 1
        elif report["status"] not in {"uploaded", "processing"}:
            raise AssertionError(f"{image_id} is {report['status']}: {report['error']}")
        return report["status"] == "ready"

    def see_all_ready(self) -> None:
        """Wait until every image that there is now is ready, and was shown. Raises AssertionError."""
        left, end = set(self.images), time.monotonic() + FINAL_WITHIN_S
        while left:
            assert time.monotonic() < end, f"not ready: {left}"
            left = {image_id for image_id in left if not self.look(image_id)}
            time.sleep(APART_S)

    def delete(self, image_id: str) -> None:
        """Let an image be deleted, and nobody look at it any more."""
        self.gone.add(image_id)
        self.images.remove(image_id)
        self.api("DELETE", f"/v1/images/{image_id}").raise_for_status()

    @contextmanager
    def going_on(self) -> Iterator[None]:
        """Upload and read all the time, until the end of the block."""
        over = threading.Event()

        def upload(number: int) -> None:
            self.send(self.request(("shown", "hidden")[number % 2]))

        def read(_number: int) -> None:
            if self.images:
                self.look(self.images[0])
                self.images.rotate()

        def work(deed: Callable[[int], None]) -> None:
            number = 0
            while not over.wait(APART_S):
                number += 1
                try:
                    deed(number)
                except Exception as error:  # noqa: BLE001 - whatever a client meets, it must not
                    self.errors.append(f"{type(error).__name__}: {error}")

        with ThreadPoolExecutor(2) as threads:
            running = [threads.submit(work, deed) for deed in (upload, read)]
            try:
                yield
            finally:
                over.set()
                for one in running:
                    one.result()


@pytest.fixture
def fleet(tmp_path: Path, postgres_url: str) -> Iterator[Fleet]:
    """Every part, on Postgres and a folder."""
    kinds, keyring = tmp_path / "images.py", tmp_path / "keyring.json"
    kinds.write_text(KINDS)
    create_keyring(keyring, SystemClock())
    with ExitStack() as stack:
        fleet = Fleet(tmp_path, {}, stack)
        fronts = {
            word: stack.enter_context(Proxy(lambda word=word: [fleet.parts[word].port] if word in fleet.parts else []))
            for word in ("api", "uploads")
        }
        (tmp_path / "data").mkdir(mode=0o700)
        fleet.settings = {
            "data": str(tmp_path / "data"),
            "database_url": postgres_url,
            "keyring": str(keyring),
            "kinds": str(kinds),
            "public_url": f"http://{HOST}:{fronts['api'].port}",
            "uploads_url": f"http://{HOST}:{fronts['uploads'].port}",
            "bootstrap_key": API_KEY,
            "min_free_bytes": "0",
            "reconcile_every": "2",
        }
        fleet.exchange(*ALL)
        yield fleet


async def let_anybody_read_what_is_public(url: str) -> None:
    address = S3Address.parse(url)
    async with open_requests(address) as requests:
        await BucketRules(requests).put_policy(rules.policy_with({}, [rules.public_statement(address)]))


async def in_bucket(url: str, credentials: S3Credentials) -> set[str]:
    async with open_s3_store(S3Address.parse(url), credentials) as objects:
        return {stored.key async for stored in objects.list("")}


@dataclass(frozen=True)
class Move:
    """The way from the folder to the bucket, step by step, as docs/storage.md tells it."""

    fleet: Fleet
    bucket: str
    clients: Clients
    command: Any

    @property
    def folder(self) -> str:
        return self.fleet.settings["data"]

    def copy(self, *words: str) -> str:
        """Make a pass beside the servers; return what it says."""
        where = ("--from", self.folder, "--to", self.bucket)
        done = self.command("storage", "migrate", *where, *words, **self.fleet.settings)
        assert done.returncode == 0, done.stdout + done.stderr
        return str(done.stdout)

    def keep_alike(self) -> list[Any]:
        """Write to both, copy what was there before; return uploads that were asked for and not sent yet."""
        early = [self.clients.request(kind) for kind in ("shown", "hidden")]
        self.copy()
        self.clients.delete(self.clients.images[-1])
        self.fleet.exchange(*ALL, storage_mirror=self.bucket)
        self.copy()
        return [*early, *(self.clients.request(kind) for kind in ("shown", "hidden"))]

    def switch(self, asked_before: list[Any]) -> None:
        """Serve from the bucket, and from the folder what is not there; send what was signed for the folder."""
        self.clients.send(asked_before.pop())
        self.fleet.exchange(*ALL, storage_url=self.bucket, storage_mirror=self.folder)
        for requested in asked_before:
            assert "/incoming/" in requested["upload"]["url"]
            assert requested["upload"]["url"].startswith(self.fleet.settings["uploads_url"])
            self.clients.send(requested)
        self.clients.delete(self.clients.images[-1])
        self.clients.see_all_ready()

    def let_go(self) -> None:
        """Leave the folder behind."""
        asked_before = self.clients.request("shown")
        assert "could not be moved" not in self.copy("--verify")
        self.fleet.exchange("api", "worker", storage_url=self.bucket)
        self.fleet.retire("uploads")
        self.clients.send(asked_before)
        self.clients.see_all_ready()


async def test_a_running_system_moves_from_a_folder_to_a_bucket_and_nobody_notices(
    fleet: Fleet, own_bucket: str, s3_credentials: S3Credentials, command: Any, file: bytes
):
    clients = Clients(fleet.settings["public_url"], file)
    move = Move(fleet, own_bucket, clients, command)
    await let_anybody_read_what_is_public(own_bucket)

    with clients.going_on():
        clients.send(clients.request("shown"))
        move.switch(move.keep_alike())
        move.let_go()

    assert clients.errors == []
    assert clients.reads > len(clients.ready) > len(clients.gone) == 2
    kept = await in_bucket(own_bucket, s3_credentials)
    assert not [key for key in kept if any(image_id in key for image_id in clients.gone)]
