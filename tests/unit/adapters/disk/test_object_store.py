"""What the disk store does beyond the contracts: folders, full disks, cancelled callers, killed processes."""

import asyncio
import errno
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from types import SimpleNamespace

import pytest

from safelight.adapters.disk import files
from safelight.adapters.disk.object_store import DiskObjectStore
from safelight.domain.errors import DiskFull, StorageFailed
from safelight.domain.keys import Key
from safelight.ports.object_store import Sink

IMAGE = "0190aaaabbbbccccddddeeeeffff0123"
INCOMING = Key(f"incoming/20261101/{IMAGE}.1")
ORIGINAL = Key(f"private/{IMAGE}/original")
THUMB = Key(f"private/{IMAGE}/thumb-0123456789abcdef-96.webp")
TWO_MEGABYTES = 2 * 1024 * 1024


@pytest.fixture
def io() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool


@pytest.fixture
def store(tmp_path: Path, io: ThreadPoolExecutor) -> DiskObjectStore:
    return DiskObjectStore(tmp_path, io=io)


@pytest.fixture
def small_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A disk of two megabytes: a real one, mounted for the test; pretended where only root may mount."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["/bin/mount", "-t", "tmpfs", "-o", f"size={TWO_MEGABYTES}", "tmpfs", folder]
    mounted = subprocess.run(mount, check=False, capture_output=True).returncode == 0  # noqa: S603 - fixed words
    if not mounted:
        pretend_small(monkeypatch)
    yield folder
    if mounted:
        subprocess.run(["/bin/umount", folder], check=True)  # noqa: S603 - fixed words


def pretend_small(monkeypatch: pytest.MonkeyPatch) -> None:
    really_write, left = os.write, [TWO_MEGABYTES]

    def write(descriptor: int, content: bytes) -> int:
        if len(content) > left[0]:
            raise OSError(errno.ENOSPC, "no room")
        left[0] -= len(content)
        return really_write(descriptor, content)

    monkeypatch.setattr(files.os, "write", write)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=left[0]))


def files_under(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


def folders_under(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_dir()}


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def test_objects_lie_under_the_random_end_of_their_image(store: DiskObjectStore, tmp_path: Path):
    await store.put(INCOMING, b"bytes", content_type="image/jpeg")
    await store.put(ORIGINAL, b"bytes", content_type="image/jpeg")

    assert files_under(tmp_path) == {
        f"objects/incoming/20261101/23/{IMAGE}.1",
        f"objects/private/23/01/{IMAGE}/original",
    }


async def test_nobody_else_may_read_what_is_stored(store: DiskObjectStore, tmp_path: Path):
    await store.put(ORIGINAL, b"bytes", content_type="image/jpeg")

    assert {mode(tmp_path / name) for name in files_under(tmp_path)} == {0o600}
    assert {mode(tmp_path / name) for name in folders_under(tmp_path)} == {0o700}


async def test_the_folders_of_the_last_object_go_with_it(store: DiskObjectStore, tmp_path: Path):
    before = folders_under(tmp_path)
    for key in (INCOMING, ORIGINAL, THUMB):
        await store.put(key, b"bytes", content_type="image/jpeg")

    await store.delete(ORIGINAL)
    still_there = [found.key async for found in store.list(f"private/{IMAGE}/")]
    await store.delete(THUMB)
    await store.delete(INCOMING)

    assert still_there == [THUMB]
    assert folders_under(tmp_path) == before


async def test_writing_and_deleting_in_one_folder_never_lose_an_object(tmp_path: Path):
    keys = [Key(f"private/{IMAGE}/v{number}-0123456789abcdef-96.webp") for number in range(8)]

    with ThreadPoolExecutor(8) as io:
        store = DiskObjectStore(tmp_path, io=io)

        async def cycle(key: Key) -> None:
            for _ in range(20):
                await store.put(key, b"bytes", content_type="image/webp")
                await store.head(key)
                await store.delete(key)
            await store.put(key, b"bytes", content_type="image/webp")

        await asyncio.gather(*map(cycle, keys))
        found = {stored.key async for stored in store.list("")}

    assert found == set(keys)


async def test_a_link_in_an_objects_place_is_not_followed(store: DiskObjectStore, tmp_path: Path):
    await store.put(ORIGINAL, b"bytes", content_type="image/jpeg")
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    path = tmp_path / f"objects/private/23/01/{IMAGE}/original"
    path.unlink()
    path.symlink_to(secret)

    with pytest.raises(StorageFailed):
        await store.open(ORIGINAL)


async def test_what_killed_processes_left_is_swept_by_age(store: DiskObjectStore, tmp_path: Path):
    now = datetime.now(UTC)
    old, new = tmp_path / "tmp" / "old", tmp_path / "tmp" / "new"
    for path, age in ((old, timedelta(hours=2)), (new, timedelta(0))):
        path.write_bytes(b"left")
        moment = (now - age).timestamp()
        os.utime(path, (moment, moment))

    swept = await store.sweep_temporary(older_than=now - timedelta(hours=1))

    assert swept == 1
    assert files_under(tmp_path) == {"tmp/new"}


async def test_a_killed_upload_leaves_no_object(tmp_path: Path):
    """The process is killed with all bytes written, before it could say so."""
    program = f"""
import asyncio, os, signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from safelight.adapters.disk.object_store import DiskObjectStore

async def main():
    store = DiskObjectStore(Path({str(tmp_path)!r}), io=ThreadPoolExecutor(1))
    sink = await store.sink({INCOMING!r}, declared_bytes=1_000_000, checksum=None)
    await sink.write(b"x" * 1_000_000)
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""
    killed = await asyncio.create_subprocess_exec(sys.executable, "-c", program)
    await killed.wait()

    with ThreadPoolExecutor(1) as io:
        store = DiskObjectStore(tmp_path, io=io)
        found = [stored.key async for stored in store.list("")]
        swept = await store.sweep_temporary(older_than=datetime.now(UTC) + timedelta(hours=1))

    assert killed.returncode == -9
    assert (found, swept) == ([], 1)
    assert files_under(tmp_path) == set()


async def test_a_full_disk_refuses_an_upload_and_keeps_nothing_of_it(small_disk: Path, io: ThreadPoolExecutor):
    store = DiskObjectStore(small_disk, io=io)
    sink = await store.sink(INCOMING, declared_bytes=TWO_MEGABYTES // 2, checksum=None)
    await store.put(ORIGINAL, bytes(TWO_MEGABYTES * 3 // 4), content_type="image/jpeg")

    with pytest.raises(DiskFull):
        await fill(sink, TWO_MEGABYTES // 2)
    await sink.abort()

    assert files_under(small_disk) == {f"objects/private/23/01/{IMAGE}/original"}


async def fill(sink: Sink, size: int) -> None:
    for _ in range(0, size, 65_536):
        await sink.write(bytes(65_536))
    await sink.finish()


async def test_a_full_disk_is_our_own_failure_where_we_write_ourselves(small_disk: Path, io: ThreadPoolExecutor):
    store = DiskObjectStore(small_disk, io=io)

    with pytest.raises(StorageFailed):
        await store.put(ORIGINAL, bytes(TWO_MEGABYTES + 1), content_type="image/jpeg")

    assert files_under(small_disk) == set()


async def test_room_under_the_watermark_is_not_given_away(small_disk: Path, io: ThreadPoolExecutor):
    store = DiskObjectStore(small_disk, io=io, min_free_bytes=TWO_MEGABYTES // 2)

    with pytest.raises(DiskFull):
        await store.sink(INCOMING, declared_bytes=TWO_MEGABYTES * 3 // 4, checksum=None)
    sink = await store.sink(INCOMING, declared_bytes=TWO_MEGABYTES // 4, checksum=None)
    await sink.abort()

    assert files_under(small_disk) == set()


@pytest.mark.parametrize("linking", [True, False], ids=["hard link", "bytes"])
async def test_a_copy_is_made_with_links_or_without(
    store: DiskObjectStore, monkeypatch: pytest.MonkeyPatch, *, linking: bool
):
    def no_links(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, "no links here")

    await store.put(INCOMING, b"bytes" * 500_000, content_type="image/jpeg")
    source = await store.head(INCOMING)
    if not linking:
        monkeypatch.setattr(files.os, "link", no_links)

    await store.copy(INCOMING, ORIGINAL, if_match=source.etag)

    copied = await store.head(ORIGINAL)
    assert copied.bytes == source.bytes
    assert (copied.etag == source.etag) is linking
    assert b"".join([piece async for piece in store.get(ORIGINAL, if_match=copied.etag)]) == b"bytes" * 500_000


async def test_a_cancelled_opening_of_a_sink_leaves_nothing(tmp_path: Path):
    gate = Event()
    with ThreadPoolExecutor(1) as io:
        store = DiskObjectStore(tmp_path, io=io)
        io.submit(gate.wait)
        opening = asyncio.create_task(store.sink(INCOMING, declared_bytes=5, checksum=None))
        await asyncio.sleep(0)

        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
        gate.set()
        await store.free_bytes()  # the one thread has come past the opening
        await asyncio.sleep(0)  # and the loop has heard of it
        await store.free_bytes()

    assert files_under(tmp_path) == set()


async def test_a_cancelled_write_does_not_outlive_the_abort(tmp_path: Path):
    gate = Event()
    with ThreadPoolExecutor(2) as io:
        store = DiskObjectStore(tmp_path, io=io)
        sink = await store.sink(INCOMING, declared_bytes=10_000_000, checksum=None)
        held = [io.submit(gate.wait) for _ in range(2)]
        writing = asyncio.create_task(sink.write(bytes(1_000_000)))
        await asyncio.sleep(0)

        writing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await writing
        gate.set()
        await sink.abort()
        assert all(future.result() for future in held)

    assert files_under(tmp_path) == set()


async def test_the_loop_goes_on_while_the_disk_is_slow(store: DiskObjectStore, monkeypatch: pytest.MonkeyPatch):
    slow, syncing = Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def fsync(_: int) -> None:
        loop.call_soon_threadsafe(syncing.set)
        slow.wait()

    sink = await store.sink(INCOMING, declared_bytes=5, checksum=None)
    await sink.write(b"bytes")
    monkeypatch.setattr(files.os, "fsync", fsync)
    finishing = asyncio.create_task(sink.finish())
    await asyncio.wait_for(syncing.wait(), 5)

    unfinished = not finishing.done()
    slow.set()
    await finishing

    assert unfinished
