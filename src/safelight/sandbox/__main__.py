"""`python -m safelight.sandbox`: the zygote. Standard input is the socket of the worker that started it."""

import os
import socket
import sys
from functools import partial

from safelight.imaging import engine
from safelight.imaging.pipeline import render
from safelight.imaging.work import Header as ImageHeader
from safelight.imaging.work import Part as ImagePart
from safelight.ports.renderer import Recipe, Rendered
from safelight.sandbox import child, lock, zygote
from safelight.sandbox.child import Tell
from safelight.sandbox.protocol import Header, Look


def main() -> None:
    """Load everything, lock, serve until the worker hangs up."""
    engine.prepare()
    lock.lock_zygote()
    with socket.socket(fileno=os.dup(sys.stdin.fileno())) as control:
        zygote.serve(control, partial(child.run, render=_render, parent=os.getpid()))


def _render(content: bytes, recipe: Recipe, tell: Tell) -> None:
    render(content, recipe, lambda part: tell(_in_words(part)))


def _in_words(part: ImagePart) -> Header | Look | Rendered:
    match part:
        case ImageHeader(fmt, size, frames):
            return Header(fmt, size.width, size.height, frames)
        case Rendered():
            return part
        case _:
            return Look(part.placeholder, part.color)


if __name__ == "__main__":
    main()
