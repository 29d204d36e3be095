"""Files in memory (memfd) that go into the sandbox: the image, which nobody may change, and room for renditions."""

import fcntl
import os

BLOCK_BYTES = 512
"""The unit of st_blocks (stat(3type))."""

FOR_GOOD = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL


def create(name: str) -> int:
    """Return the descriptor of an empty file in memory that can be sealed."""
    return os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)


def write(file: int, content: bytes) -> None:
    """Append all of `content`."""
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(file, rest) :]


def seal(file: int) -> None:
    """Let nobody change the file any more. Raises OSError (EBUSY) while somebody has it mapped for writing."""
    fcntl.fcntl(file, fcntl.F_ADD_SEALS, FOR_GOOD)


def size(file: int) -> int:
    """Return the length in bytes."""
    return os.fstat(file).st_size


def memory_of(file: int) -> int:
    """Return how many bytes of memory the file takes; the holes in it take none."""
    return os.fstat(file).st_blocks * BLOCK_BYTES


def read(file: int, length: int) -> bytes:
    """Return the first `length` bytes; fewer where there are no more."""
    return os.pread(file, length, 0)
