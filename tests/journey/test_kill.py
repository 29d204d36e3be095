"""Nothing that was confirmed is lost, whatever is killed."""

import io
import random
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Self

import httpx
import pytest
from PIL import Image

from credentials import bearer
from safelight.testing.server import Server

UPLOADS = 200
KILLS = 20
AT_ONCE = 6
SETTLED_WITHIN_S = 240
NOT_AN_IMAGE = b"<html>" + b"x" * 5000

SETTINGS = {
    "upload_ttl": "20",
    "body_timeout": "5",
    "orphan_grace": "5",
    "sweep_every": "2",
    "reconcile_every": "1",
    "min_free_bytes": "0",
}
"""Short times, so that the test sees the end of everything."""


def pictures() -> list[bytes]:
    """Ten small photographs, every tenth file no image at all."""
    found = []
    for seed in range(9):
        noise = random.Random(seed).randbytes(40 * 30 * 3)
        image = Image.frombytes("RGB", (40, 30), noise).resize((400 + seed, 300), Image.Resampling.BICUBIC)
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=85)
        found.append(buffer.getvalue())
    return [*found, NOT_AN_IMAGE]


class Uploader:
    """Uploads until CONFIRM has answered 202, however often the server dies meanwhile."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._http = httpx.Client(timeout=10, headers=bearer(server.key))
        self.confirmed: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def __call__(self, content: bytes) -> None:
        while True:
            try:
                if self._once(content):
                    return
            except httpx.TransportError:
                time.sleep(0.05)  # the server is down: it will be started again

    def _once(self, content: bytes) -> bool:
        wanted = {"kind": "photo", "filename": "p.jpg", "size": len(content), "content_type": ""}
        requested = self._http.post(f"{self._server.url}/v1/images", json=wanted)
        if requested.status_code != 201:
            return False
        upload = requested.json()["upload"]
        self._http.put(upload["url"], content=content, headers=upload["headers"])
        answer = self._http.post(f"{self._server.url}/v1/images/{requested.json()['id']}/confirm")
        if answer.status_code == 202:
            self.confirmed.append(answer.json()["id"])
        return answer.status_code == 202


def states(server: Server) -> dict[str, str]:
    with closing(sqlite3.connect(f"file:{server.data}/safelight.db?mode=ro", uri=True)) as database:
        return dict(database.execute("SELECT id, state FROM image"))


def wanted_files(server: Server) -> set[str]:
    """The objects that the records ask for, by the last part of their names."""
    with closing(sqlite3.connect(f"file:{server.data}/safelight.db?mode=ro", uri=True)) as database:
        originals = database.execute("SELECT id FROM image WHERE state = 'ready'")
        renditions = database.execute(
            "SELECT image_id, variant, fingerprint, width, CASE format WHEN 'jpeg' THEN 'jpg' ELSE format END"
            " FROM rendition"
        )
        return {f"{row[0]}/original" for row in originals} | {
            f"{row[0]}/{row[1]}-{row[2]}-{row[3]}.{row[4]}" for row in renditions
        }


def files(server: Server) -> set[str]:
    return {"/".join(path.parts[-2:]) for path in server.stored()}


def kill_at_random_moments(server: Server, uploader: Uploader, chance: random.Random) -> int:
    """Kill the server soon after so many uploads, for each of some random numbers."""
    numbers = sorted(chance.sample(range(UPLOADS - 10), KILLS))
    for number in numbers:
        while len(uploader.confirmed) < number:
            time.sleep(0.005)
        time.sleep(chance.uniform(0, 0.3))
        server.kill()
        server.start()
    return len(numbers)


def test_every_confirmed_image_survives_twenty_kills(
    start_server: Callable[..., Server], capsys: pytest.CaptureFixture[str]
) -> None:
    chance = random.Random(20)
    server = start_server(**SETTINGS)
    uploader = Uploader(server)
    files_to_send = pictures() * (UPLOADS // 10)
    begun = time.monotonic()

    with uploader, ThreadPoolExecutor(AT_ONCE + 1) as threads:
        killing = threads.submit(kill_at_random_moments, server, uploader, chance)
        list(threads.map(uploader, files_to_send))
        kills = killing.result()
    last_kill = time.monotonic()
    while time.monotonic() < last_kill + SETTLED_WITHIN_S and not settled(server):
        time.sleep(0.5)

    found = states(server)
    ended = Counter(found.get(image_id, "lost") for image_id in uploader.confirmed)
    orphans = files(server) - wanted_files(server)
    missing = wanted_files(server) - files(server)
    stuck = {image_id: state for image_id, state in found.items() if state not in {"ready", "rejected", "expired"}}
    with capsys.disabled():
        sys.stdout.write(
            f"\n{kills} kills, {len(uploader.confirmed)} confirmed: {dict(ended)}; records {Counter(found.values())};"
            f" stuck {len(stuck)}, orphan files {len(orphans)}, missing files {len(missing)};"
            f" {time.monotonic() - begun:.0f} s\n"
        )
    assert kills == KILLS
    assert len(uploader.confirmed) == UPLOADS
    assert ended == {"ready": UPLOADS * 9 // 10, "rejected": UPLOADS // 10}
    assert (stuck, orphans, missing) == ({}, set(), set())


def settled(server: Server) -> bool:
    open_states = {"requested", "uploaded", "processing"}
    return open_states.isdisjoint(states(server).values()) and files(server) == wanted_files(server)
