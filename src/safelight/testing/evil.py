"""`python -m safelight.testing.evil`: a zygote whose children do what the image says, as if it had taken them over.

The image is the name of one of the deeds below. They run inside the real locks, and answer on the real pipe.
"""

import ctypes
import mmap
import os
import signal
import socket
import stat
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial

from safelight.domain import geometry
from safelight.domain.errors import ImageRejected, Reason
from safelight.domain.formats import InputFormat, OutputFormat
from safelight.domain.geometry import Size
from safelight.ports.renderer import Recipe, Rendered
from safelight.sandbox import child, lock, zygote
from safelight.sandbox.child import Tell
from safelight.sandbox.protocol import Header, Look
from safelight.testing import crafted

COMMAND = (sys.executable, "-I", "-B", "-m", "safelight.testing.evil")

FOREIGN_VARIABLE = "SAFELIGHT_BOOTSTRAP_KEY"
"""A variable that a worker may have, and a child must not."""

HEADER = Header(InputFormat.PNG, 8, 8, 1)
LOOK = Look("AAAAAAAA", "#000000")

Deed = Callable[[Recipe, Tell], None]

_children = mmap.mmap(-1, 8)
"""How many children there were: shared with all of them."""


def behave(recipe: Recipe, tell: Tell) -> None:
    """Do what is expected, for recipes of PNG alone."""
    tell(HEADER)
    tell(LOOK)
    for planned in geometry.plan(recipe.variants, Size(HEADER.width, HEADER.height)):
        tell(_rendered(planned.variant, planned.size))


def crash(_recipe: Recipe, _tell: Tell) -> None:
    """Die as by a wild pointer."""
    os.kill(os.getpid(), signal.SIGSEGV)


def crash_once(recipe: Recipe, tell: Tell) -> None:
    """Die in the middle, and behave the second time."""
    first = _children[0] == 0
    _children[0] = 1
    tell(HEADER)
    tell(LOOK)
    if first:
        crash(recipe, tell)
    for planned in geometry.plan(recipe.variants, Size(HEADER.width, HEADER.height)):
        tell(_rendered(planned.variant, planned.size))


def change_story(recipe: Recipe, tell: Tell) -> None:
    """Die after a header, and tell another one the second time."""
    first = _children[0] == 0
    _children[0] = 1
    tell(HEADER if first else Header(InputFormat.PNG, 9, 9, 1))
    crash(recipe, tell)


def leave(_recipe: Recipe, tell: Tell) -> None:
    """Go in the middle of the work, as if all was well."""
    tell(HEADER)
    os._exit(0)


def spin(_recipe: Recipe, _tell: Tell) -> None:
    """Use the CPU for ever."""
    while True:
        pass


def sleep(_recipe: Recipe, tell: Tell) -> None:
    """Begin well, and then do nothing for ever."""
    tell(HEADER)
    while True:
        time.sleep(1000)


def hog(_recipe: Recipe, _tell: Tell) -> None:
    """Take all the memory there is."""
    hoard = []
    while True:
        hoard.append(bytearray(1 << 24))


def flood(_recipe: Recipe, tell: Tell) -> None:
    """Talk for ever."""
    while True:
        tell(LOOK)


def babble(_recipe: Recipe, _tell: Tell) -> None:
    """Say what no child says."""
    os.write(_pipe(), b'{"type":"header","format":"png","width":8,"height":8,"frames":1,"path":"/etc/passwd"}')


def boast(_recipe: Recipe, tell: Tell) -> None:
    """Tell of an image that is too large to have been taken."""
    tell(Header(InputFormat.PNG, 1_000_000, 1_000_000, 1))


def change_type(_recipe: Recipe, tell: Tell) -> None:
    """Tell of an image of a type that was not accepted."""
    tell(Header(InputFormat.TIFF, 8, 8, 1))


def skip(recipe: Recipe, tell: Tell) -> None:
    """Leave out the look."""
    tell(HEADER)
    tell(_rendered(next(iter(recipe.variants)), Size(8, 8)))


def stop_short(_recipe: Recipe, tell: Tell) -> None:
    """Say that all is done before it is."""
    tell(HEADER)
    tell(LOOK)


def enlarge(recipe: Recipe, tell: Tell) -> None:
    """Deliver another size than was asked for."""
    tell(HEADER)
    tell(LOOK)
    tell(_rendered(next(iter(recipe.variants)), Size(100, 100)))


def smuggle(recipe: Recipe, tell: Tell) -> None:
    """Deliver a page for an image."""
    tell(HEADER)
    tell(LOOK)
    tell(Rendered(next(iter(recipe.variants)), OutputFormat.PNG, 8, 8, b"<script>alert(1)</script>"))


def swell(recipe: Recipe, tell: Tell) -> None:
    """Deliver more bytes than a rendition may have."""
    tell(HEADER)
    tell(LOOK)
    content = _rendered("", Size(8, 8)).content + bytes(1 << 28)
    tell(Rendered(next(iter(recipe.variants)), OutputFormat.PNG, 8, 8, content))


def hoard(_recipe: Recipe, tell: Tell) -> None:
    """Fill every rendition to its limit, and say nothing of it."""
    tell(HEADER)
    for file in _renditions():
        os.write(file, bytes(1 << 22))
    sleep(_recipe, lambda _part: None)


def linger(recipe: Recipe, tell: Tell) -> None:
    """Leave a grandchild behind that belongs to nobody, and behave."""
    _orphan()
    behave(recipe, tell)


def linger_and_wait(recipe: Recipe, tell: Tell) -> None:
    """Leave a grandchild behind, and do nothing for ever."""
    _orphan()
    sleep(recipe, tell)


def keep_hold(recipe: Recipe, tell: Tell) -> None:
    """Keep a rendition mapped, to change it after it was checked."""
    libc = ctypes.CDLL(None)
    libc.mmap.restype = ctypes.c_void_p
    length = ctypes.c_size_t(4096)
    libc.mmap(None, length, mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_SHARED, _rendition(), ctypes.c_long(0))
    behave(recipe, tell)
    sleep(recipe, lambda _part: None)


def explore(recipe: Recipe, tell: Tell) -> None:
    """Try what the locks forbid, and behave if none of it works; say `damaged` if any does."""
    attempts: tuple[Callable[[], object], ...] = (
        lambda: os.open("/etc/passwd", os.O_RDONLY),
        partial(socket.socket, socket.AF_INET),
        lambda: os.dup(0),
        lambda: os.write(_image(), b"other bytes"),
        lambda: os.ftruncate(_image(), 0),
        lambda: os.environ[FOREIGN_VARIABLE],
    )
    if any(_works(attempt) for attempt in attempts):
        raise ImageRejected(Reason.DAMAGED)
    behave(recipe, tell)


DEEDS: Mapping[str, Deed] = {
    deed.__name__: deed
    for deed in (
        *(behave, crash, crash_once, change_story, leave, spin, sleep, hog, flood, babble, boast, change_type, skip),
        *(stop_short, enlarge, smuggle, swell, hoard, linger, linger_and_wait, keep_hold, explore),
    )
}


def render(content: bytes, recipe: Recipe, tell: Tell) -> None:
    """Do the deed that the image names."""
    DEEDS[content.decode()](recipe, tell)


def _rendered(variant: str, size: Size) -> Rendered:
    rows = (b"\0" + bytes(3 * size.width)) * size.height
    return Rendered(variant, OutputFormat.PNG, size.width, size.height, crafted.png(size.width, size.height, rows))


def _works(attempt: Callable[[], object]) -> bool:
    try:
        attempt()
    except (OSError, KeyError):
        return False
    return True


def _pipe() -> int:
    return next(file for file in _files() if stat.S_ISFIFO(os.fstat(file).st_mode))


def _image() -> int:
    return next(file for file in _files() if os.fstat(file).st_size)


def _rendition() -> int:
    return _renditions()[0]


def _renditions() -> list[int]:
    return [file for file in _files() if stat.S_ISREG(os.fstat(file).st_mode) and not os.fstat(file).st_size]


def _orphan() -> None:
    """Start a process that sleeps for ever, by way of one that ends."""
    parent = os.fork()
    if parent:
        os.waitpid(parent, 0)
    elif os.fork():
        os._exit(0)
    else:
        while True:
            time.sleep(1000)


def _files() -> list[int]:
    """Return the files that the worker sent along."""
    return [file for file in range(3, 100) if _works(partial(os.fstat, file))]


def main() -> None:
    """Serve as the zygote does."""
    lock.lock_zygote()
    with socket.socket(fileno=os.dup(sys.stdin.fileno())) as control:
        zygote.serve(control, partial(child.run, render=render, parent=os.getpid()))


if __name__ == "__main__":
    main()
