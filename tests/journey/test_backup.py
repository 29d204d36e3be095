"""A backup that is made while images come in, and what is restored from it."""

import json
import shutil
import subprocess
import tarfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx

from credentials import bearer
from safelight.adapters.records.migrate import present_revision
from safelight.apps.database import DATABASE_FILE
from safelight.testing.server import Server
from safelight_client import Client, Image, Status

Command = Callable[..., subprocess.CompletedProcess[str]]

UPLOADS = 50
AT_ONCE = 8
BACK_UP_AFTER = 15


def test_a_backup_made_under_load_restores_to_images_that_can_all_be_read(
    start_server: Callable[..., Server], command: Command, picture: Callable[[int], bytes], tmp_path: Path
) -> None:
    """Put the database in place, copy the objects, start: as the command says."""
    server = start_server("busy")
    archive, copy = tmp_path / "backup.tar.gz", tmp_path / "copy"

    with _uploads_under_way(server, picture) as uploads:
        made = command("backup", archive, "--data", server.data)
        assert not all(upload.done() for upload in uploads)
        shutil.copytree(server.data / "store/objects", copy / "store/objects")
    checked = command("backup", "--verify", archive, "--hashes", "--data", copy)
    server.stop()
    _restore(archive, copy, tmp_path / "new")
    restored = start_server("new")

    assert made.returncode == 0, made.stderr
    assert checked.returncode == 0, checked.stdout + checked.stderr
    with Client(restored.url, api_key=restored.key) as client:
        known = [client.wait(image.id) for image in client.list() if image.status is not Status.REQUESTED]
        assert len(known) >= BACK_UP_AFTER
        for image in known:
            assert image.status is Status.READY
            _see_every_rendition(image, restored)


def test_an_archive_has_the_keyring_only_where_it_is_asked_for(
    server: Server, command: Command, tmp_path: Path
) -> None:
    command("backup", tmp_path / "without.tar", "--data", server.data)
    command("backup", tmp_path / "with.tar", "--with-keyring", "--data", server.data)

    with tarfile.open(tmp_path / "without.tar") as without, tarfile.open(tmp_path / "with.tar") as with_keyring:
        assert without.getnames() == ["manifest.json", "safelight.db", "objects.jsonl"]
        assert with_keyring.getnames() == [*without.getnames(), "keyring.json"]
    assert (tmp_path / "with.tar").stat().st_mode & 0o777 == 0o600


def test_verify_names_each_object_that_is_missing_or_differs(
    server: Server, client: Client, command: Command, picture: Callable[[int], bytes], tmp_path: Path
) -> None:
    image = client.upload(picture(1), kind="photo", filename="a.jpg")
    archive = tmp_path / "backup.tar"
    command("backup", archive, "--data", server.data)
    folder = server.data / "store/objects"
    (original,) = (path for path in folder.rglob("original"))
    thumb = next(folder.rglob("thumb-*.webp"))
    thumb.unlink()
    original.write_bytes(original.read_bytes()[::-1])

    by_size = command("backup", "--verify", archive, "--data", server.data)
    by_hash = command("backup", "--verify", archive, "--hashes", "--data", server.data)

    assert by_size.returncode == by_hash.returncode == 1
    assert f"  public/{image.id}/{thumb.name} is missing\n" in by_size.stdout
    assert "original" not in by_size.stdout
    assert f"  private/{image.id}/original has other bytes\n" in by_hash.stdout


def test_the_manifest_counts_what_the_list_names(
    server: Server, client: Client, command: Command, picture: Callable[[int], bytes], tmp_path: Path
) -> None:
    image = client.upload(picture(1), kind="photo", filename="a.jpg")

    command("backup", tmp_path / "b.tar", "--data", server.data)

    with tarfile.open(tmp_path / "b.tar") as tar:
        manifest = json.loads(_content(tar, "manifest.json"))
        listed = [json.loads(line) for line in _content(tar, "objects.jsonl").splitlines()]
    assert manifest["images"]["ready"] == 1
    assert manifest["revision"] == present_revision(server.data / DATABASE_FILE)
    assert manifest["objects"] == len(listed) == 1 + sum(len(v.renditions) for v in image.variants.values())
    (original,) = (line for line in listed if line["key"].endswith("/original"))
    assert original["bytes"] == len(picture(1))
    assert original["sha256"]
    assert manifest["object_bytes"] == sum(line["bytes"] for line in listed)


def _content(tar: tarfile.TarFile, name: str) -> bytes:
    content = tar.extractfile(name)
    assert content is not None
    return content.read()


def _see_every_rendition(image: Image, server: Server) -> None:
    for variant in image.variants.values():
        for rendition in variant.renditions:
            shown = httpx.get(
                rendition.url,
                headers=bearer(server.key) if not image.public else {},
                follow_redirects=True,
            )
            assert shown.status_code == 200, (image.id, rendition)
            assert len(shown.content) == rendition.bytes


@contextmanager
def _uploads_under_way(server: Server, picture: Callable[[int], bytes]) -> Iterator[list[Future[None]]]:
    """Upload all; the block begins when some have come, and ends when all have."""
    come = threading.Semaphore(0)
    with Client(server.url, api_key=server.key) as client, ThreadPoolExecutor(AT_ONCE) as threads:

        def upload(number: int) -> None:
            client.upload(picture(number), kind="photo" if number % 2 else "private-photo", filename="a.jpg")
            come.release()

        uploads = [threads.submit(upload, number) for number in range(UPLOADS)]
        for _ in range(BACK_UP_AFTER):
            come.acquire()
        yield uploads
        for done in uploads:
            done.result()


def _restore(archive: Path, copy: Path, new: Path) -> None:
    new.mkdir(0o700)
    with tarfile.open(archive) as tar:
        (new / "safelight.db").write_bytes(_content(tar, "safelight.db"))
    shutil.copytree(copy / "store", new / "store")
