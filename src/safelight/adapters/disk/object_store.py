"""Objects in a folder: durable, write-once where clients write, and never in the event loop's way.

No file is ever written twice. An object is written under a temporary name and gets its own by a link (incoming: fails
where there is one) or a rename (ours: replaces), so that readers see all of it or nothing.
"""

import itertools
import os
import shutil
import time
from collections.abc import AsyncIterable, AsyncIterator, Iterator
from concurrent.futures import Executor
from datetime import datetime
from pathlib import Path

from safelight.adapters.disk import files
from safelight.adapters.disk.layout import Layout
from safelight.adapters.disk.open_file import OpenFile
from safelight.adapters.disk.sink import DiskSink, IncomingFile
from safelight.adapters.disk.threads import Threads
from safelight.domain.errors import BodyTooLong, BodyTooShort, DiskFull, ObjectChanged, StorageFailed
from safelight.domain.image import Checksum
from safelight.domain.keys import Key
from safelight.ports.object_store import StoredObject
from safelight.ports.observe import Observe, ignore

READ_AT_ONCE = 1 << 20
LISTED_AT_ONCE = 256


class DiskObjectStore:
    """Objects in the folder `root`. Fulfils `ReceivingStore`, `IncomingStore` and `OutgoingStore`.

    `io` are the threads that wait for the disk. With fewer than `min_free_bytes` left, nothing more is taken in.
    `observe` hears how many seconds each head, open, read, put, copy and delete took, and `receive`: an upload's end.
    """

    def __init__(self, root: Path, *, io: Executor, min_free_bytes: int = 0, observe: Observe = ignore) -> None:
        """Make the folders. Blocks; for start-up."""
        self._layout = Layout(root.absolute())
        self._layout.create()
        self._threads = Threads(io, observe=observe)
        self._min_free_bytes = min_free_bytes

    @property
    def multipart(self) -> None:
        """See `ObjectStore.multipart`. The upload service takes files whole, of any size."""

    async def check(self) -> None:
        """See `ObjectStore.check`."""
        with files.storage_errors():
            await self._threads.run(os.listdir, self._layout.temporary)

    async def head(self, key: Key) -> StoredObject:
        """See `ObjectStore.head`."""
        with self._threads.timed("head"), files.storage_errors(key):
            path = self._layout.path(key)
            return files.stored(key, await self._threads.run(path.lstat))

    async def get(self, key: Key, *, if_match: str) -> AsyncIterator[bytes]:
        """See `ObjectStore.get`."""
        opened = await self.open(key)
        try:
            if opened.stored.etag != if_match:
                raise ObjectChanged(key)
            for offset in range(0, opened.stored.bytes, READ_AT_ONCE):
                yield await opened.read(offset, READ_AT_ONCE)
        finally:
            await opened.close()

    async def open(self, key: Key, *, ahead: int = 0) -> OpenFile:
        """See `OutgoingStore.open`."""
        with self._threads.timed("open"), files.storage_errors(key):
            return await self._threads.acquire(
                lambda: OpenFile(self._layout, self._threads, key, ahead=ahead), release=OpenFile.release
            )

    async def put(self, key: Key, content: bytes, *, content_type: str) -> None:  # noqa: ARG002 - a disk keeps no types; files are served by their extension
        """See `ObjectStore.put`."""
        with self._threads.timed("put"):
            await self._threads.run(files.write_object, self._layout, key, content, now_ns=time.time_ns())

    async def put_pieces(self, key: Key, pieces: AsyncIterable[bytes], *, size: int) -> None:
        """See `ReceivingStore.put_pieces`."""
        file = await self._threads.acquire(
            lambda: IncomingFile(self._layout, key, None, replace=True), release=IncomingFile.abort
        )
        sink = DiskSink(file, self._threads, declared_bytes=size)
        try:
            async for piece in pieces:
                await sink.write(piece)
            await sink.finish()
        except (BodyTooLong, BodyTooShort, DiskFull) as refused:
            raise StorageFailed(reason=str(refused)) from refused
        finally:
            await sink.abort()

    async def copy(self, source: Key, target: Key, *, if_match: str) -> None:
        """See `ObjectStore.copy`."""
        with self._threads.timed("copy"), files.storage_errors(source):
            await self._threads.run(
                files.copy_object, self._layout, source, target, if_match=if_match, now_ns=time.time_ns()
            )

    async def delete(self, key: Key) -> None:
        """See `ObjectStore.delete`."""
        with self._threads.timed("delete"), files.storage_errors(key):
            await self._threads.run(files.delete_object, self._layout, key)

    async def list(self, prefix: str) -> AsyncIterator[StoredObject]:
        """See `ObjectStore.list`."""
        walk = files.walk(self._layout, prefix)
        while batch := await self._threads.run(_next_batch, walk):
            for found in batch:
                yield found

    async def free_bytes(self) -> int:
        """See `ObjectStore.free_bytes`."""
        with files.storage_errors():
            return (await self._threads.run(shutil.disk_usage, self._layout.objects)).free

    async def sink(self, key: Key, *, declared_bytes: int, checksum: Checksum | None) -> DiskSink:
        """See `IncomingStore.sink`."""
        file = await self._threads.acquire(
            lambda: self._open_incoming(key, declared_bytes, checksum), release=IncomingFile.abort
        )
        return DiskSink(file, self._threads, declared_bytes=declared_bytes)

    async def sweep_temporary(self, *, older_than: datetime) -> int:
        """Remove what killed processes left behind: temporary files last written before then. Return how many."""
        return await self._threads.run(files.sweep, self._layout, older_than)

    def _open_incoming(self, key: Key, declared_bytes: int, checksum: Checksum | None) -> IncomingFile:
        with files.storage_errors():
            if shutil.disk_usage(self._layout.temporary).free - declared_bytes < self._min_free_bytes:
                raise DiskFull
        return IncomingFile(self._layout, key, checksum)


def _next_batch(walk: Iterator[StoredObject]) -> list[StoredObject]:
    with files.storage_errors():
        return list(itertools.islice(walk, LISTED_AT_ONCE))
