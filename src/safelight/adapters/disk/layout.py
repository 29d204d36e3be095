"""Where each object lies under the root of a disk store.

    tmp/{random}                                        being written
    objects/incoming/{yyyymmdd}/{ab}/{image}.{attempt}
    objects/public|private/{ab}/{cd}/{image}/{name}

`ab` and `cd` are digits of the image's id, so that no folder grows large: the last ones, which are random, since the
first ones of a UUIDv7 are the time.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from safelight.domain import keys
from safelight.domain.errors import StorageFailed
from safelight.domain.keys import Key

FOLDER_MODE = 0o700

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
        """Make the object's name durable: every folder on the way, for another writer may have made one just now."""
        for folder in (*self.folders_over(path), *self.areas):
            if folder not in self.areas or folder in path.parents:
                sync_folder(folder)

    def remove_empty_over(self, path: Path) -> None:
        """Remove the folders over `path` that are empty. Whoever is about to write there makes them again."""
        for folder in self.folders_over(path):
            try:
                folder.rmdir()
            except OSError:
                return


def make_folder(folder: Path) -> None:
    """Make a folder and what is missing over it, for nobody but us: `mkdir` alone would open the upper ones to all."""
    try:
        folder.mkdir(FOLDER_MODE)
    except FileExistsError:
        return
    except FileNotFoundError:
        make_folder(folder.parent)
        folder.mkdir(FOLDER_MODE, exist_ok=True)


def sync_folder(folder: Path) -> None:
    """Make what a folder lists durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
