"""Where the program begins. Imports nothing that takes time, so that Ctrl-C is quiet from the first moment on."""

import signal
import sys
from types import FrameType
from typing import NoReturn

from safelight.cli.stopped import INTERRUPTED, TERMINATED, say_stopped


def main() -> None:
    """Run the command line. A signal that comes before a server listens ends it quietly."""
    signal.signal(signal.SIGTERM, _end)
    try:
        from safelight.cli.app import app  # noqa: PLC0415 - it takes time, and Ctrl-C may come meanwhile

        app()
    except KeyboardInterrupt:
        say_stopped()
        sys.exit(INTERRUPTED)


def _end(_number: int, _frame: FrameType | None) -> NoReturn:
    say_stopped()
    sys.exit(TERMINATED)
