"""The sink of the disk store: counts, checks and writes what a client sends, and lets it appear whole or not at all."""

import asyncio
import base64
import hmac
import os
import time
from contextlib import suppress
from pathlib import Path
from threading import Lock

from safelight.adapters.disk.files import create_temporary, disk_full, publish, seal, storage_errors, stored, write_all
from safelight.adapters.disk.layout import Layout
from safelight.adapters.disk.threads import Threads
from safelight.domain.errors import AlreadyWritten, BodyTooLong, BodyTooShort, ChecksumDiffers
from safelight.domain.image import Checksum
from safelight.domain.keys import Key
from safelight.ports.digests import DIGESTS

WRITTEN_AT_ONCE = 256 * 1024
"""Bytes that are gathered before a thread writes them: hopping for every 64 KiB that the network brings costs more."""

HELD_AT_MOST_SECONDS = 1.0
"""A slow sender's bytes are written sooner, so that many slow senders hold no memory."""


class IncomingFile:
    """The blocking half: one temporary file.

    A lock orders a write whose caller was cancelled before the abort that follows, so that no write ever meets a
    descriptor that is closed, or is somebody else's by now.
    """

    def __init__(self, layout: Layout, key: Key, checksum: Checksum | None, *, replace: bool = False) -> None:
        """Open the file; with `replace` it takes the place of any that is there.

        Raises AlreadyWritten, DiskFull, StorageFailed.
        """
        self._layout, self._key, self._checksum, self._replace = layout, key, checksum, replace
        self._target = layout.path(key)
        if not replace and os.path.lexists(self._target):
            raise AlreadyWritten
        self._digest = DIGESTS[checksum.algorithm]() if checksum else None
        self._lock = Lock()
        with storage_errors(), disk_full():
            self._descriptor, self._temporary = create_temporary(layout)
        self._open = True

    def write(self, chunks: list[bytes]) -> None:
        """Append. Raises DiskFull, StorageFailed."""
        with self._lock, storage_errors(), disk_full():
            self._append(chunks)

    def finish(self, chunks: list[bytes]) -> str:
        """Append the last chunks and make the object appear; return its ETag. Raises what `Sink.finish` does."""
        with self._lock:
            try:
                with storage_errors(), disk_full():
                    self._append(chunks)
                    self._compare()
                    sealed = seal(self._descriptor, now_ns=time.time_ns())
                    self._appear()
                return stored(self._key, sealed).etag
            finally:
                self._discard()

    def abort(self) -> None:
        """Remove the temporary file."""
        with self._lock:
            self._discard()

    def _append(self, chunks: list[bytes]) -> None:
        for chunk in chunks if self._open else ():
            if self._digest:
                self._digest.update(chunk)
            write_all(self._descriptor, chunk)

    def _compare(self) -> None:
        if self._digest is None or self._checksum is None:
            return
        value = base64.b64encode(self._digest.digest())
        if not hmac.compare_digest(value, self._checksum.value.encode()):
            raise ChecksumDiffers(self._checksum.algorithm)

    def _appear(self) -> None:
        def link(source: Path, target: Path) -> None:
            os.link(source, target, follow_symlinks=False)

        try:
            publish(self._layout, self._temporary, self._target, os.replace if self._replace else link)
        except FileExistsError:
            raise AlreadyWritten from None

    def _discard(self) -> None:
        if self._open:
            self._open = False
            os.close(self._descriptor)
            with suppress(FileNotFoundError):
                self._temporary.unlink()


class DiskSink:
    """Takes the bytes of one incoming object. Fulfils `Sink`."""

    def __init__(self, file: IncomingFile, threads: Threads, *, declared_bytes: int) -> None:
        self._file = file
        self._threads = threads
        self._declared_bytes = declared_bytes
        self._received = 0
        self._ended = False
        self._hold_nothing()

    async def write(self, chunk: bytes) -> None:
        """See `Sink.write`."""
        self._received += len(chunk)
        if self._received > self._declared_bytes:
            raise BodyTooLong(self._declared_bytes)
        self._held.append(chunk)
        self._held_bytes += len(chunk)
        held_for = asyncio.get_running_loop().time() - self._held_since
        if self._held_bytes >= WRITTEN_AT_ONCE or held_for > HELD_AT_MOST_SECONDS:
            held = self._held
            await self._threads.run(self._file.write, held)
            self._hold_nothing()

    async def finish(self) -> str:
        """See `Sink.finish`."""
        if self._received < self._declared_bytes:
            await self.abort()
            raise BodyTooShort(received=self._received, declared=self._declared_bytes)
        self._ended = True
        with self._threads.timed("receive"):
            return await self._threads.run(self._file.finish, self._held)

    async def abort(self) -> None:
        """See `Sink.abort`."""
        if not self._ended:
            self._ended = True
            await self._threads.run(self._file.abort)

    def _hold_nothing(self) -> None:
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._held_since = asyncio.get_running_loop().time()
