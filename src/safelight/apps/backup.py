"""Backs up the records while they are in use: one archive with the database and a list of every object it asks for.

    manifest.json    what this is: version, revision, when, counts, and the hashes of the other files
    safelight.db     the database, as it was at one moment
    objects.jsonl    one line for each object that the records ask for: key, bytes, and sha256 where the record knows it
    keyring.json     the signing keys, only where asked for

The objects themselves are not in it. They never change once written, so that a copy of the folder `store` that is made
after the archive holds all that the archive asks for.
"""

import hashlib
import io
import os
import secrets
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Literal

import msgspec

from safelight import __version__
from safelight.adapters.queue.memory import MemoryQueue
from safelight.adapters.records import backup as database
from safelight.adapters.records.check import faults
from safelight.adapters.records.migrate import present_revision
from safelight.adapters.records.store import open_records
from safelight.apps.asked import all_asked
from safelight.apps.data_folder import database_in
from safelight.apps.database import DATABASE_FILE
from safelight.apps.wiring import KEYRING_FILE
from safelight.domain.errors import StorageFailed
from safelight.domain.image import State
from safelight.ports.clock import Clock

MANIFEST_FILE = "manifest.json"
OBJECTS_FILE = "objects.jsonl"
FORMAT = 1
"""Raised when an older Safelight could not read the archive any more."""

Mode = Literal["w:", "w:gz"]
MODES: Mapping[str, Mode] = {".tar": "w:", ".tar.gz": "w:gz", ".tgz": "w:gz"}
"""How tarfile writes an archive of that name."""

PRIVATE = 0o600


class NotInTheFolder(Exception):
    """The records are on Postgres, which has a tool of its own for this."""

    def __init__(self) -> None:
        super().__init__(
            "The records are in the database that SAFELIGHT_DATABASE_URL names, and are backed up by Postgres's own "
            "tools while all runs: pg_dump --format=custom --file=records.dump, or your provider's snapshots. Keep "
            "beside it a copy of the objects, made afterwards, for they never change once written: of the bucket, or "
            "of the folder store; the keyring, in another place; and the kinds file. To restore: pg_restore into an "
            "empty database, then safelight migrate, and start the processes on it and on the objects"
        )


class ArchiveNameInvalid(Exception):
    """Nothing can be backed up to a file of that name. The text says why."""


@dataclass(frozen=True, slots=True)
class Member:
    """One file of the archive."""

    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What the archive says of itself."""

    format: int
    safelight: str
    revision: str | None
    created_at: datetime
    images: Mapping[State, int]
    objects: int
    object_bytes: int
    files: Mapping[str, Member]


async def write_backup(folder: Path, target: Path, *, clock: Clock, with_keyring: bool) -> Manifest:
    """Write the archive to `target`, in place of any that is there, whole and durably or not at all.

    Raises DataNotReady, StorageFailed (also where the database is damaged), OSError, and ArchiveNameInvalid where the
    name says no kind of archive, or its folder is missing.
    """
    mode = _mode(target)
    source, created_at = database_in(folder), clock.now()
    with tempfile.TemporaryDirectory(prefix=".safelight-backup-", dir=target.parent) as workspace:
        copy, listing = Path(workspace, DATABASE_FILE), Path(workspace, OBJECTS_FILE)
        database.backup(source, copy)
        if wrong := faults(copy):
            raise StorageFailed(f"the database is damaged ({wrong[0]}), and a backup of it would be, too")
        images, objects, object_bytes = await _list_objects(copy, listing, clock)
        files = [copy, listing, *([folder / KEYRING_FILE] if with_keyring else [])]
        manifest = Manifest(
            format=FORMAT,
            safelight=__version__,
            revision=present_revision(copy),
            created_at=created_at,
            images=images,
            objects=objects,
            object_bytes=object_bytes,
            files={file.name: _member(file) for file in files},
        )
        with _appearing(target) as out, tarfile.open(fileobj=out, mode=mode) as archive:
            _add(archive, MANIFEST_FILE, io.BytesIO(msgspec.json.format(msgspec.json.encode(manifest))), created_at)
            for file in files:
                with file.open("rb") as content:
                    _add(archive, file.name, content, created_at)
    return manifest


def _mode(target: Path) -> Mode:
    if not target.parent.is_dir():
        raise ArchiveNameInvalid(
            f"There is no folder {target.parent} for the backup. Make it: mkdir -p {target.parent}"
        )
    for ending, mode in MODES.items():
        if target.name.endswith(ending):
            return mode
    raise ArchiveNameInvalid(f"{target.name} must end with one of: {' '.join(MODES)}")


async def _list_objects(copy: Path, listing: Path, clock: Clock) -> tuple[Mapping[State, int], int, int]:
    """Write a line for each object; return the images by state, and how many objects and bytes there are."""
    objects = object_bytes = 0
    async with open_records(copy, MemoryQueue(clock)) as records, records.reading() as snapshot:
        images = await snapshot.counts()
        with listing.open("wb") as lines:
            async for asked in all_asked(snapshot):
                lines.write(msgspec.json.encode(asked) + b"\n")
                objects += 1
                object_bytes += asked.bytes
    return images, objects, object_bytes


def _member(file: Path) -> Member:
    with file.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256")
    return Member(file.stat().st_size, digest.hexdigest())


def _add(archive: tarfile.TarFile, name: str, content: BinaryIO, at: datetime) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = content.seek(0, os.SEEK_END)
    entry.mtime, entry.mode = at.timestamp(), PRIVATE
    content.seek(0)
    archive.addfile(entry, content)


@contextmanager
def _appearing(target: Path) -> Iterator[BinaryIO]:
    """Give a file for writing that is durable and gets its name when the block ends well, and is gone otherwise."""
    unfinished = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE)
    try:
        with os.fdopen(descriptor, "wb") as out:
            yield out
            out.flush()
            os.fsync(out.fileno())
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)
    _sync(target.parent)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
