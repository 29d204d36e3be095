"""One object of the disk store, open for reading."""

import os
from threading import Lock

from safelight.adapters.disk.files import open_object, storage_errors, stored
from safelight.adapters.disk.layout import Layout
from safelight.adapters.disk.threads import Threads
from safelight.domain.keys import Key


class OpenFile:
    """One object, open for reading. Fulfils `OpenObject`."""

    def __init__(self, layout: Layout, threads: Threads, key: Key, *, ahead: int) -> None:
        """Open it, and read the first `ahead` bytes. Blocks."""
        self._threads = threads
        self._lock = Lock()
        self._descriptor: int | None = None
        descriptor = open_object(layout, key)
        try:
            self.stored = stored(key, os.fstat(descriptor))
            self._first = os.pread(descriptor, ahead, 0) if ahead else b""
        except BaseException:
            os.close(descriptor)
            raise
        self._whole = len(self._first) == self.stored.bytes
        if self._whole:
            os.close(descriptor)
        else:
            self._descriptor = descriptor

    async def read(self, offset: int, count: int) -> bytes:
        """See `OpenObject.read`."""
        if self._whole or offset + count <= len(self._first):
            return self._first[offset : offset + count]
        with self._threads.timed("read"), storage_errors(self.stored.key):
            return await self._threads.run(self._read, offset, count)

    async def close(self) -> None:
        """See `OpenObject.close`."""
        if self._descriptor is not None:
            await self._threads.run(self.release)

    def release(self) -> None:
        """Close the file. Blocks."""
        with self._lock:
            if self._descriptor is not None:
                os.close(self._descriptor)
                self._descriptor = None

    def _read(self, offset: int, count: int) -> bytes:
        with self._lock:
            return b"" if self._descriptor is None else os.pread(self._descriptor, count, offset)
