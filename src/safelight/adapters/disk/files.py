"""Single steps with files: each is whole, durable, and leaves nothing behind when it fails. All of it blocks."""

import errno
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from safelight.adapters.disk.layout import Layout, make_folder, sync_folder
from safelight.domain.errors import DiskFull, ObjectChanged, ObjectMissing, StorageFailed
from safelight.domain.keys import Key
from safelight.ports.object_store import StoredObject

FILE_MODE = 0o600
COPIED_AT_ONCE = 1 << 20
PUBLISH_ATTEMPTS = 20
"""How often a folder may be removed as empty under a writer's hands before it gives up."""

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})
NO_LINKS = frozenset({errno.EPERM, errno.EXDEV, errno.EMLINK, errno.EOPNOTSUPP, errno.ENOSYS})
"""What file systems answer that cannot link, or not once more."""


@contextmanager
def storage_errors(key: Key | None = None) -> Iterator[None]:
    """Turn errors of the file system into ours: a file that is not there into ObjectMissing, where a `key` is given."""
    try:
        yield
    except OSError as error:
        if key is not None and error.errno == errno.ENOENT:
            raise ObjectMissing(key) from None
        raise StorageFailed(reason=os.strerror(error.errno or errno.EIO)) from error


@contextmanager
def disk_full() -> Iterator[None]:
    """Turn the error of a full disk into DiskFull: to a client that uploads, it is no failure but a refusal."""
    try:
        yield
    except OSError as error:
        if error.errno in NO_ROOM:
            raise DiskFull from error
        raise


def stored(key: Key, stat: os.stat_result) -> StoredObject:
    """Return what is known of a file. Its ETag is new for every new file, since no file is ever written twice."""
    etag = f"{stat.st_ino:x}-{stat.st_mtime_ns:x}-{stat.st_size:x}"
    modified_at = datetime.fromtimestamp(stat.st_mtime_ns // 10**9, UTC)
    return StoredObject(key, stat.st_size, etag, modified_at)


def create_temporary(layout: Layout) -> tuple[int, Path]:
    """Open a new file for writing; return its descriptor and its path."""
    path = layout.temporary / secrets.token_hex(16)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.open(path, flags, FILE_MODE), path


def write_all(descriptor: int, content: bytes) -> None:
    """Write everything."""
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def seal(descriptor: int, *, now_ns: int) -> os.stat_result:
    """Make a written file durable and return its stat; `now_ns` counts nanoseconds since the epoch.

    The time is set by hand because a file system's own may advance in steps of milliseconds, and it is part of the
    ETag; for the same reason all of the inode is synced and not the bytes alone.
    """
    os.utime(descriptor, ns=(now_ns, now_ns))
    os.fsync(descriptor)
    return os.fstat(descriptor)


def publish(layout: Layout, temporary: Path, target: Path, how: Callable[[Path, Path], None]) -> None:
    """Give a finished file its name, durably: by `os.link` (which never replaces) or `os.replace`."""
    for attempt in range(1, PUBLISH_ATTEMPTS + 1):
        try:
            make_folder(target.parent)
            how(temporary, target)
            break
        except FileNotFoundError:  # the folder was empty until now, and a delete has tidied it away
            if attempt == PUBLISH_ATTEMPTS:
                raise
    with suppress(FileNotFoundError):  # deleted again already
        layout.sync_over(target)


@contextmanager
def temporary_file(layout: Layout) -> Iterator[tuple[int, Path]]:
    """Open a temporary file that is gone after the block, whatever happens in it; a link of it may stay."""
    descriptor, path = create_temporary(layout)
    try:
        yield descriptor, path
    finally:
        os.close(descriptor)
        path.unlink(missing_ok=True)


def write_object(layout: Layout, key: Key, content: bytes, *, now_ns: int) -> None:
    """Write a whole object, in place of any that is there."""
    with storage_errors(), temporary_file(layout) as (descriptor, temporary):
        write_all(descriptor, content)
        seal(descriptor, now_ns=now_ns)
        publish(layout, temporary, layout.path(key), os.replace)


def copy_object(layout: Layout, source: Key, target: Key, *, if_match: str, now_ns: int) -> None:
    """Copy by a hard link, which costs nothing and is safe since no file is ever written twice; else byte by byte."""
    try:
        _link_object(layout, source, target, if_match=if_match)
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        _copy_bytes(layout, source, target, if_match=if_match, now_ns=now_ns)


def _link_object(layout: Layout, source: Key, target: Key, *, if_match: str) -> None:
    temporary = layout.temporary / secrets.token_hex(16)
    try:
        os.link(layout.path(source), temporary, follow_symlinks=False)
        if stored(source, temporary.lstat()).etag != if_match:  # asked of the link, which nobody else can exchange
            raise ObjectChanged(source)
        publish(layout, temporary, layout.path(target), os.replace)
    finally:
        temporary.unlink(
            missing_ok=True
        )  # still there where both names were links of one file: replace then does nothing


def _copy_bytes(layout: Layout, source: Key, target: Key, *, if_match: str, now_ns: int) -> None:
    reading = open_object(layout, source)
    try:
        if stored(source, os.fstat(reading)).etag != if_match:
            raise ObjectChanged(source)
        with temporary_file(layout) as (writing, temporary):
            while piece := os.read(reading, COPIED_AT_ONCE):
                write_all(writing, piece)
            copied = seal(writing, now_ns=now_ns)
            if copied.st_size != os.fstat(reading).st_size or stored(source, os.fstat(reading)).etag != if_match:
                raise ObjectChanged(source)
            publish(layout, temporary, layout.path(target), os.replace)
    finally:
        os.close(reading)


def open_object(layout: Layout, key: Key) -> int:
    """Open an object for reading; return its descriptor."""
    return os.open(layout.path(key), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)


def delete_object(layout: Layout, key: Key) -> None:
    """Remove an object, durably."""
    path = layout.path(key)
    try:
        path.unlink()
    except FileNotFoundError:
        return
    with suppress(FileNotFoundError):
        sync_folder(path.parent)  # where the names of the folders over it are lost, so is the object
    layout.remove_empty_over(path)


def walk(layout: Layout, prefix: str) -> Iterator[StoredObject]:
    """Yield the objects whose keys begin so. What vanishes meanwhile is passed over."""
    folders = [layout.folder(prefix)]
    while folders:
        try:
            entries = list(os.scandir(folders.pop()))
        except FileNotFoundError:
            continue
        folders.extend(Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False))
        for entry in entries:
            if not entry.is_file(follow_symlinks=False):
                continue
            key = layout.key(Path(entry.path))
            if key is not None and key.startswith(prefix):
                with suppress(FileNotFoundError):
                    yield stored(key, entry.stat(follow_symlinks=False))


def sweep(layout: Layout, older_than: datetime) -> int:
    """Remove temporary files last written before `older_than`; return how many."""
    swept = 0
    for path in layout.temporary.iterdir():
        with suppress(FileNotFoundError):
            if path.lstat().st_mtime < older_than.timestamp():
                path.unlink()
                swept += 1
    return swept
