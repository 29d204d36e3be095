"""Large files in parts, on a real S3 server: held to their lengths, resumed, completed once, and never left behind."""

import asyncio
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import httpx
import PIL.Image
import pytest

from credentials import bearer
from safelight.adapters.s3.address import S3Address
from safelight.adapters.s3.credentials import S3Credentials
from safelight.adapters.s3.object_store import open_s3_store
from safelight.domain import keys
from safelight.domain.keys import Key
from safelight.testing.s3 import S3Place
from safelight.testing.server import Server
from safelight_client import Client, Status

KINDS = """
from safelight import Kind, cover

scan = Kind("scan", accept="tiff", max_bytes="1GB", variants={"thumb": cover(96, 96)})
"""

MOST_MEMORY = 200 << 20
"""Of the server, with all of its libraries: it holds pieces of a file, and never the whole."""

Command = Callable[..., subprocess.CompletedProcess[str]]

UPLOADER = """
import sys, time
from safelight_client import Client, parts

parts.AT_ONCE = 1

def stop_midway(progress):
    if progress.bytes_sent > 10_000_000:
        print("midway", flush=True)
        time.sleep(60)

url, key, file = sys.argv[1:]
Client(url, api_key=key).upload(file, kind="scan", on_progress=stop_midway)
"""
"""A client that sends one part and a bit of the next, and then hangs, to be killed."""


@pytest.fixture(scope="module")
def storage(s3: S3Place) -> str:
    """The setting of a part of the bucket that is this module's own."""
    return s3.new_url()


@pytest.fixture(scope="module")
def server(s3: S3Place, storage: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server on a bucket, which takes what is over 9 MB in parts, and often sweeps up what nobody waits for."""
    folder = tmp_path_factory.mktemp("multipart")
    (folder / "images.py").write_text(KINDS)
    settings = {
        "kinds": str(folder / "images.py"),
        "storage_url": storage,
        "multipart_above": "9MB",
        "min_free_bytes": "0",
        "sweep_every": "1",
        "orphan_grace": "2",
        "body_timeout": "2",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in s3.environment.items():
            patch.setenv(name, value)
        with Server(folder / "data", settings) as server:
            yield server


@pytest.fixture(scope="module")
def scan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A TIFF of 20 MB: three parts."""
    return tiff(tmp_path_factory.mktemp("scan") / "scan.tiff", 3000, 2240)


@pytest.fixture
def api(server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{server.url}/v1/images", headers=bearer(server.key), timeout=60) as api:
        yield api


def peak_memory(pid: int) -> int:
    """Return the most bytes that a process has had in memory."""
    [line] = re.findall(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(line) * 1024


def tiff(path: Path, width: int, height: int) -> Path:
    """Write an uncompressed TIFF, of three bytes a pixel."""
    PIL.Image.linear_gradient("L").resize((width, height)).convert("RGB").save(path, "TIFF")
    return path


def request(api: httpx.Client, size: int) -> dict:
    wanted = {"kind": "scan", "filename": "scan.tiff", "size": size, "content_type": "image/tiff"}
    answer = api.post("", json=wanted)
    assert answer.status_code == 201, answer.text
    return answer.json()


def signed(api: httpx.Client, image_id: str, *numbers: int) -> list[dict]:
    answer = api.post(f"/{image_id}/parts", json={"numbers": numbers})
    assert answer.status_code == 200, answer.text
    return answer.json()["parts"]


def send(api: httpx.Client, image_id: str, content: bytes, *numbers: int) -> None:
    """Send parts of a file, as a client does."""
    for part in signed(api, image_id, *numbers):
        start = (part["number"] - 1) * (8 << 20)
        httpx.put(part["url"], content=content[start : start + part["bytes"]], timeout=60).raise_for_status()


@pytest.fixture
def left_of(storage: str, s3_credentials: S3Credentials) -> Callable[[str], list[str]]:
    """Return what the bucket has of an image: open uploads, and incoming objects."""

    async def look(image_id: str) -> list[str]:
        async with open_s3_store(S3Address.parse(storage), s3_credentials) as objects:
            uploads = [upload.key async for upload in objects.multipart.uploads(keys.INCOMING)]
            stored = [one.key async for one in objects.list("")]
        return [key for key in (*uploads, *stored) if keys.image_of(key) == image_id]

    return lambda image_id: asyncio.run(look(image_id))


def test_a_file_of_over_100_mb_becomes_an_image_whatever_its_size(
    server: Server, tmp_path: Path, left_of: Callable[[str], list[str]]
) -> None:
    large = tiff(tmp_path / "large.tiff", 6000, 5700)
    assert large.stat().st_size > 100_000_000
    heard: list[int] = []

    with Client(server.url, api_key=server.key) as client:
        image = client.upload(large, kind="scan", on_progress=lambda progress: heard.append(progress.bytes_sent))
        thumb = PIL.Image.open(BytesIO(client.download(image, "thumb")))

    assert (image.status, image.width, image.height, thumb.size) == (Status.READY, 6000, 5700, (96, 96))
    assert max(heard) == large.stat().st_size
    assert keys.original(keys.ImageId(image.id)) in left_of(image.id)
    assert peak_memory(server.pid) < MOST_MEMORY


def test_a_part_of_another_length_is_refused_and_a_confirm_says_what_is_missing(
    api: httpx.Client, scan: Path, eventually: Callable[..., None]
) -> None:
    content = scan.read_bytes()
    made = request(api, len(content))
    image_id, upload = made["id"], made["upload"]
    assert (upload["transport"], upload["method"], upload["parts"]) == ("multipart", "POST", 3)
    assert upload["url"] == f"{api.base_url}{image_id}/parts"
    [first] = signed(api, image_id, 1)

    refused = [httpx.put(first["url"], content=bytes(size)).status_code for size in (first["bytes"] - 1, 10)]
    send(api, image_id, content, 3, 1)
    confirmed = api.post(f"/{image_id}/confirm")
    seen = api.get(f"/{image_id}/parts").json()

    assert refused == [403, 403]
    assert (confirmed.status_code, confirmed.json()["code"]) == (409, "parts_missing")
    assert (confirmed.json()["missing"], confirmed.json()["total"]) == ([2], 3)
    assert seen == {"part_bytes": 8 << 20, "parts": 3, "stored": [1, 3], "missing": [2]}

    send(api, image_id, content, 2)
    assert api.post(f"/{image_id}/confirm").status_code == 202
    eventually(lambda: api.get(f"/{image_id}").json()["status"] == "ready")


def test_many_confirms_at_once_complete_one_upload(api: httpx.Client, scan: Path) -> None:
    content = scan.read_bytes()
    image_id = request(api, len(content))["id"]
    send(api, image_id, content, 1, 2, 3)

    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda _: api.post(f"/{image_id}/confirm"), range(4)))

    assert {answer.status_code for answer in answers} == {202}


def test_an_upload_that_was_completed_by_a_process_that_was_killed_then_is_confirmed_the_next_time(
    api: httpx.Client, scan: Path, storage: str, s3_credentials: S3Credentials, left_of: Callable[[str], list[str]]
) -> None:
    content = scan.read_bytes()
    image_id = request(api, len(content))["id"]
    send(api, image_id, content, 1, 2, 3)

    async def complete() -> None:
        async with open_s3_store(S3Address.parse(storage), s3_credentials) as objects:
            [upload] = [one async for one in objects.multipart.uploads("") if keys.image_of(one.key) == image_id]
            parts = await objects.multipart.parts(upload.key, upload.multipart_id)
            await objects.multipart.complete(upload.key, upload.multipart_id, parts)

    asyncio.run(complete())

    assert [Key(key).startswith(keys.INCOMING) for key in left_of(image_id)] == [True]
    assert api.get(f"/{image_id}/parts").json()["missing"] == []
    assert api.post(f"/{image_id}/confirm").status_code == 202


def test_a_cancelled_upload_leaves_nothing_in_the_bucket(
    api: httpx.Client, scan: Path, left_of: Callable[[str], list[str]], eventually: Callable[..., None]
) -> None:
    content = scan.read_bytes()
    image_id = request(api, len(content))["id"]
    send(api, image_id, content, 1, 2)
    [late] = signed(api, image_id, 3)
    assert len(left_of(image_id)) == 1

    assert api.delete(f"/{image_id}").status_code == 204

    eventually(lambda: left_of(image_id) == [])
    assert httpx.put(late["url"], content=content[16 << 20 :]).status_code == 404


def test_a_fresh_upload_gives_up_the_parts_of_the_one_before(
    api: httpx.Client, scan: Path, left_of: Callable[[str], list[str]]
) -> None:
    content = scan.read_bytes()
    image_id = request(api, len(content))["id"]
    send(api, image_id, content, 1)

    fresh = api.post(f"/{image_id}/upload").json()["upload"]

    assert fresh["transport"] == "multipart"
    assert [key.rpartition(".")[2] for key in left_of(image_id)] == ["2"]
    assert api.get(f"/{image_id}/parts").json()["missing"] == [1, 2, 3]


def test_what_a_killed_client_had_sent_need_not_be_sent_again(
    server: Server, api: httpx.Client, scan: Path, eventually: Callable[..., None]
) -> None:
    with subprocess.Popen(  # noqa: S603 - our own client
        [sys.executable, "-c", UPLOADER, server.url, server.key, str(scan)], stdout=subprocess.PIPE, text=True
    ) as uploader:
        assert uploader.stdout is not None
        assert uploader.stdout.readline() == "midway\n"
        uploader.kill()
    [image] = api.get("", params={"limit": 1}).json()["images"]

    missing = api.get(f"/{image['id']}/parts").json()["missing"]
    send(api, image["id"], scan.read_bytes(), *missing)

    assert missing == [2, 3]
    assert api.post(f"/{image['id']}/confirm").status_code == 202
    eventually(lambda: api.get(f"/{image['id']}").json()["status"] == "ready")


def test_the_command_line_sends_parts_without_being_told(server: Server, scan: Path, command: Command) -> None:
    words = ("--kind", "scan", "--url", server.url, "--key", server.key)

    uploaded = command("upload", scan, *words)

    assert uploaded.returncode == 0, uploaded.stdout + uploaded.stderr
    assert f"{scan.name}" in uploaded.stdout
    assert "3000x2240" in uploaded.stdout


def test_an_upload_goes_on_after_the_server_was_killed(
    server: Server, api: httpx.Client, scan: Path, eventually: Callable[..., None]
) -> None:
    content = scan.read_bytes()
    image_id = request(api, len(content))["id"]
    send(api, image_id, content, 1, 2)

    server.kill()
    server.start()
    missing = api.get(f"/{image_id}/parts").json()["missing"]
    send(api, image_id, content, *missing)

    assert missing == [3]
    assert api.post(f"/{image_id}/confirm").status_code == 202
    eventually(lambda: api.get(f"/{image_id}").json()["status"] == "ready")


@pytest.mark.usefixtures("server")
def test_an_upload_whose_request_was_killed_before_it_was_noted_is_swept_up(
    storage: str, s3_credentials: S3Credentials, left_of: Callable[[str], list[str]], eventually: Callable[..., None]
) -> None:
    image_id = keys.ImageId("0190aaaabbbbccccddddeeeeffff0123")

    async def begin() -> None:
        async with open_s3_store(S3Address.parse(storage), s3_credentials) as objects:
            key = keys.incoming(image_id, datetime.now(UTC), 1)
            await objects.multipart.begin(key, content_type="image/tiff")

    asyncio.run(begin())

    assert len(left_of(image_id)) == 1
    eventually(lambda: left_of(image_id) == [])
