"""Where each object lies under the root of a disk store.

    tmp/{random}                                        being written
    objects/incoming/{yyyymmdd}/{ab}/{image}.{attempt}
    objects/public|private/{ab}/{cd}/{image}/{name}

`ab` and `cd` are digits of the image's id, so that no folder grows large: the last ones, which are random, since the
first ones of a UUIDv7 are the time.
"""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from threading import Lock

from safelight.domain import keys
from safelight.domain.errors import StorageFailed
from safelight.domain.keys import Key

FOLDER_MODE = 0o700

FOLDERS_KNOWN = 20_000
"""Folders remembered as durable, in each process: some megabytes. One that is forgotten is synced once more."""

_ONE_IMAGE_INCOMING = re.compile(rf"incoming/([0-9]{{8}})/({keys.ID})\.")
_ONE_IMAGE_KEPT = re.compile(rf"(public|private)/({keys.ID})/")
_ONE_DAY = re.compile(r"incoming/([0-9]{8})/")
_INCOMING_DEPTH = 4


class Layout:
    """The folders of one disk store."""

    def __init__(self, root: Path) -> None:
        self.temporary = root / "tmp"
        self.objects = root / "objects"
        self.areas = tuple(self.objects / area.rstrip("/") for area in (keys.INCOMING, keys.PUBLIC, keys.PRIVATE))
        self._durable = DurableFolders()

    def create(self) -> None:
        """Make the fixed folders, durably."""
        for folder in (self.temporary, *self.areas):
            make_folder(folder)
        for folder in (self.objects, self.objects.parent, self.objects.parent.parent):
            sync_folder(folder)

    def path(self, key: Key) -> Path:
        """Return the object's path. Raises StorageFailed for what is no key of ours: it could lead anywhere."""
        image_id = keys.image_of(key)
        if image_id is None:
            raise StorageFailed(reason=f"{key!r} is no object key")
        area, folder, name = key.split("/")
        if key.startswith(keys.INCOMING):
            return self.objects / area / folder / image_id[-2:] / name
        return self.objects / area / image_id[-2:] / image_id[-4:-2] / image_id / name

    def key(self, path: Path) -> Key | None:
        """Return the key of the object at `path`; None where no object of ours lies there."""
        parts = path.relative_to(self.objects).parts
        shown = (parts[0], parts[1], parts[-1]) if len(parts) == _INCOMING_DEPTH else (parts[0], *parts[-2:])
        return keys.parse("/".join(shown))

    def folder(self, prefix: str) -> Path:
        """Return the smallest folder that holds all objects whose keys begin with `prefix`."""
        if match := _ONE_IMAGE_INCOMING.match(prefix):
            return self.objects / "incoming" / match[1] / match[2][-2:]
        if match := _ONE_IMAGE_KEPT.match(prefix):
            return self.objects / match[1] / match[2][-2:] / match[2][-4:-2] / match[2]
        if match := _ONE_DAY.match(prefix):
            return self.objects / "incoming" / match[1]
        area = self.objects / prefix.partition("/")[0]
        return area if area in self.areas else self.objects

    def folders_over(self, path: Path) -> Iterator[Path]:
        """Yield the folders that come and go with the object at `path`: from its own up to just under the area."""
        for folder in path.parents:
            if folder in self.areas:
                return
            yield folder

    def sync_over(self, path: Path) -> None:
        """Make a new object's name durable, on the whole way from its area.

        Its own folder is synced always, those over it only up to one whose name is known to be durable: all over that
        are so as well.
        """
        epoch = self._durable.epoch
        inodes: dict[Path, int] = {}
        for folder in path.parents:
            inodes[folder] = sync_folder(folder)
            if folder in self.areas or self._durable.knows(folder, inodes[folder]):
                break
        self._durable.add(inodes, epoch)

    def remove_empty_over(self, path: Path) -> None:
        """Remove the folders over `path` that are empty. Whoever is about to write there makes them again."""
        for folder in self.folders_over(path):
            try:
                self._durable.remove(folder)
            except OSError:
                return


class DurableFolders:
    """Folders whose names, and those of all folders over them, are on the disk for certain. For many threads.

    A folder may be removed when it is empty, and be made anew: the epoch tells whether any was since the syncing began.
    """

    def __init__(self, *, most: int = FOLDERS_KNOWN) -> None:
        self._lock = Lock()
        self._inodes: dict[Path, int] = {}
        self._most = most
        self._epoch = 0

    @property
    def epoch(self) -> int:
        """Rises with every folder that is removed. Take it before syncing."""
        with self._lock:
            return self._epoch

    def knows(self, folder: Path, inode: int) -> bool:
        """Whether the folder is known, and is still the one with that inode: another process may have made it anew."""
        with self._lock:
            return self._inodes.get(folder) == inode

    def add(self, synced: Mapping[Path, int], epoch: int) -> None:
        """Know folders that were synced with all over them, unless one was removed since that epoch."""
        with self._lock:
            if epoch == self._epoch:
                self._inodes |= synced
            while len(self._inodes) > self._most:
                del self._inodes[next(iter(self._inodes))]

    def remove(self, folder: Path) -> None:
        """Remove an empty folder. Raises OSError."""
        with self._lock:
            folder.rmdir()
            self._inodes.pop(folder, None)
            self._epoch += 1


def make_folder(folder: Path) -> None:
    """Make a folder and what is missing over it, for nobody but us: `mkdir` alone would open the upper ones to all."""
    try:
        folder.mkdir(FOLDER_MODE)
    except FileExistsError:
        return
    except FileNotFoundError:
        make_folder(folder.parent)
        with suppress(FileExistsError):  # `exist_ok` would raise where it is tidied away again at this very moment
            folder.mkdir(FOLDER_MODE)


def sync_folder(folder: Path) -> int:
    """Make what a folder lists durable; return its inode."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
        return os.fstat(descriptor).st_ino
    finally:
        os.close(descriptor)
