"""The file that is uploaded: a path, bytes, or an open file. It is read in pieces, so memory does not grow with it."""

import base64
import hashlib
import mimetypes
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from io import SEEK_END, BytesIO
from pathlib import Path
from threading import Lock
from typing import BinaryIO, cast

from safelight_client.errors import UploadFailed
from safelight_client.ticket import Checksum

Uploadable = str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO
"""A path, the bytes themselves, or a file opened in binary mode, which is sent from where it stands."""

CHUNK_BYTES = 256 * 1024
"""Large enough that a chunk's overhead does not count, small enough for smooth progress on a slow line."""

SPOOL_BYTES = 4 * 1024 * 1024
"""What cannot be read twice is kept in memory up to this size, and in a temporary file above."""

NEWER_TYPES = {".heic": "image/heic", ".heif": "image/heif", ".avif": "image/avif", ".webp": "image/webp"}
"""Media types by extension that Python 3.11 does not know on every machine."""

UNTYPED = "application/octet-stream"
UNNAMED = "image"


class Source:
    """Bytes that can be read again and again. `open` comes first; it, `chunks` and `sha256` may block."""

    def __init__(self, what: Uploadable) -> None:
        self._what = what
        self._stack = ExitStack()
        self._file: BinaryIO = BytesIO()
        self._start = 0
        self._reading = Lock()
        self.size = 0
        self.filename = _name_of(what)

    def open(self) -> None:
        """Get hold of the bytes and count them. Raises OSError."""
        self._file = self._opened()
        self._start = self._file.tell()
        self.size = self._file.seek(0, SEEK_END) - self._start

    def close(self) -> None:
        """Let go of what `open` made; a file that was given stays open."""
        self._stack.close()

    def chunks(self, start: int = 0, count: int | None = None) -> Iterator[bytes]:
        """Yield all bytes from the start, or so many from there; several threads may do so at once.

        Raises UploadFailed where the file has become shorter.
        """
        end = self.size if count is None else start + count
        while start < end:
            with self._reading:
                self._file.seek(self._start + start)
                chunk = self._file.read(min(CHUNK_BYTES, end - start))
            if not chunk:
                raise UploadFailed("The file became shorter while it was sent. Upload it again.", code="file_changed")
            start += len(chunk)
            yield chunk

    def sha256(self) -> Checksum:
        """Read everything and return its SHA-256."""
        digest = hashlib.sha256()
        for chunk in self.chunks():
            digest.update(chunk)
        return Checksum("sha256", base64.b64encode(digest.digest()).decode())

    def _opened(self) -> BinaryIO:
        if isinstance(self._what, bytes | bytearray | memoryview):
            return BytesIO(self._what)
        if isinstance(self._what, str | os.PathLike):
            return self._stack.enter_context(Path(self._what).open("rb"))
        if isinstance(self._what.read(0), str):
            raise TypeError("open the file in binary mode: open(path, 'rb')")
        return self._what if self._what.seekable() else self._spooled(self._what)

    def _spooled(self, stream: BinaryIO) -> BinaryIO:
        spool = self._stack.enter_context(tempfile.SpooledTemporaryFile(max_size=SPOOL_BYTES))  # noqa: SIM115 - the stack closes it
        shutil.copyfileobj(stream, spool, CHUNK_BYTES)
        spool.seek(0)
        return cast("BinaryIO", spool)  # it has all methods of one


def guess_type(filename: str) -> str:
    """Return the media type that a name's extension stands for. The server looks at the bytes in any case."""
    extension = Path(filename).suffix.lower()
    return NEWER_TYPES.get(extension) or mimetypes.guess_type(filename)[0] or UNTYPED


def _name_of(what: Uploadable) -> str:
    if isinstance(what, bytes | bytearray | memoryview):
        return UNNAMED
    path = what if isinstance(what, str | os.PathLike) else getattr(what, "name", None)
    return Path(path).name if isinstance(path, str | os.PathLike) else UNNAMED
