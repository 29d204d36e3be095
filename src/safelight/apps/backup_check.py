"""Checks a backup: that the archive is whole, and that a store holds every object that it asks for."""

import hashlib
import tarfile
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import msgspec

from safelight.adapters.disk.object_store import DiskObjectStore
from safelight.apps.asked import Asked
from safelight.apps.backup import FORMAT, MANIFEST_FILE, OBJECTS_FILE, Manifest
from safelight.apps.data_folder import DataNotReady
from safelight.apps.storage import OBJECTS_FOLDER
from safelight.domain.errors import ObjectMissing
from safelight.ports.object_store import ObjectStore

READ_AT_ONCE = 1 << 20


class BackupDamaged(Exception):
    """The archive is not what was written, or none of ours. The text says where."""


@dataclass(frozen=True, slots=True)
class Lack:
    """An object that the archive asks for and the store cannot give; `why` goes on from "it"."""

    asked: Asked
    why: str


def check_archive(archive: Path) -> Manifest:
    """Return the manifest, once every file of the archive has proved to be the one that was written.

    Raises BackupDamaged, OSError.
    """
    with _opened(archive) as tar:
        manifest = _manifest(_file(tar, MANIFEST_FILE).read())
        for name, member in manifest.files.items():
            if _sha256(_file(tar, name)) != member.sha256:
                raise BackupDamaged(f"{name} in {archive} is not what was backed up")
    return manifest


async def lacks(archive: Path, folder: Path, *, hashes: bool) -> AsyncIterator[Lack]:
    """Yield what the archive asks for and the store in `folder` has not; with `hashes`, originals are read as well.

    Raises DataNotReady where there is no store, BackupDamaged, StorageFailed, OSError.
    """
    store = folder / OBJECTS_FOLDER
    if not store.is_dir():
        raise DataNotReady(f"There are no objects in {folder}: its folder {OBJECTS_FOLDER} is missing")
    with ThreadPoolExecutor(1) as io, _opened(archive) as tar:
        objects = DiskObjectStore(store, io=io)
        for line in _file(tar, OBJECTS_FILE):
            asked = msgspec.json.decode(line, type=Asked)
            if why := await _lack(asked, objects, hashes=hashes):
                yield Lack(asked, why)


async def _lack(asked: Asked, objects: ObjectStore, *, hashes: bool) -> str | None:
    try:
        stored = await objects.head(asked.key)
        if stored.bytes != asked.bytes:
            return f"has {stored.bytes:,} bytes instead of {asked.bytes:,}"
        if hashes and asked.sha256:
            digest = hashlib.sha256()
            async for piece in objects.get(asked.key, if_match=stored.etag):
                digest.update(piece)
            return None if digest.hexdigest() == asked.sha256 else "has other bytes"
    except ObjectMissing:
        return "is missing"
    return None


def _sha256(content: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while piece := content.read(READ_AT_ONCE):
        digest.update(piece)
    return digest.hexdigest()


@contextmanager
def _opened(archive: Path) -> Iterator[tarfile.TarFile]:
    if not archive.is_file():
        raise BackupDamaged(f"There is no file {archive}. Name an archive that safelight backup wrote")
    try:
        with tarfile.open(archive, "r:*") as tar:
            yield tar
    except tarfile.ReadError as error:
        raise BackupDamaged(
            f"{archive} cannot be read as an archive. Name one that safelight backup wrote; if it is one, it is damaged"
        ) from error
    except (tarfile.TarError, EOFError) as error:
        raise BackupDamaged(f"{archive} cannot be read: {error}") from error


def _file(tar: tarfile.TarFile, name: str) -> IO[bytes]:
    try:
        content = tar.extractfile(name)
    except KeyError:
        content = None
    if content is None:
        raise BackupDamaged(f"there is no {name} in it: it is no whole backup of Safelight")
    return content


def _manifest(text: bytes) -> Manifest:
    try:
        manifest = msgspec.json.decode(text, type=Manifest)
    except msgspec.MsgspecError as error:
        raise BackupDamaged(f"its {MANIFEST_FILE} cannot be read: {error}") from error
    if manifest.format > FORMAT:
        raise BackupDamaged(f"it was written by Safelight {manifest.safelight}, which is later than this one")
    return manifest
