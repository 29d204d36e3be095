"""A disk that is small enough to be filled."""

import resource
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from safelight.testing.program import Program

SIZE_MB = 1500
CHUNK, PAGE = bytes(1 << 20), 4096


class SmallDisk:
    """A file system of its own at `folder`, where this user may mount one. A context manager.

    Where it may not, `full` limits how large a file those processes may write, which fails them likewise, with another
    errno. `kind` says which of both it is.
    """

    def __init__(self, folder: Path, programs: Callable[[], Sequence[Program]]) -> None:
        self._folder = folder
        self._programs = programs
        self.kind = "RLIMIT_FSIZE"

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True)
        words = ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MB}m", "safelight-chaos", str(self._folder)]
        with suppress(OSError):
            mounted = subprocess.run(words, check=False, capture_output=True)  # noqa: S603 - fixed words
            if mounted.returncode == 0:
                self.kind = "tmpfs"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.kind == "tmpfs":
            subprocess.run(["umount", "--lazy", str(self._folder)], check=True)  # noqa: S603, S607 - fixed words

    @contextmanager
    def full(self) -> Iterator[None]:
        """Return a block in which there is no room for a single byte more."""
        with self._filled() if self.kind == "tmpfs" else self._limited():
            yield

    @contextmanager
    def _filled(self) -> Iterator[None]:
        ballast = self._folder / "ballast"
        try:
            with ballast.open("wb", buffering=0) as file:
                for size in (len(CHUNK), PAGE):
                    with suppress(OSError):
                        while file.write(CHUNK[:size]):
                            pass
            yield
        finally:
            ballast.unlink()

    @contextmanager
    def _limited(self) -> Iterator[None]:
        """Limit what is running now; what is started meanwhile is not limited."""
        before = {}
        for program in self._programs():
            with suppress(OSError):
                before[program.pid] = resource.prlimit(program.pid, resource.RLIMIT_FSIZE)
                resource.prlimit(program.pid, resource.RLIMIT_FSIZE, (0, before[program.pid][1]))
        try:
            yield
        finally:
            for pid, limit in before.items():
                with suppress(OSError):
                    resource.prlimit(pid, resource.RLIMIT_FSIZE, limit)
