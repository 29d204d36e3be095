"""Where the program begins. Imports nothing that takes time, so that Ctrl-C is quiet from the first moment on."""

import signal
import sys
from types import FrameType
from typing import NoReturn

# What shells expect of a program that a signal ended:
INTERRUPTED = 128 + signal.SIGINT
"""Ended by Ctrl-C. A server that listens ends well, with 0."""
TERMINATED = 128 + signal.SIGTERM
"""Ended by SIGTERM. A server that listens ends well, with 0."""


def main() -> None:
    """Run the command line. A signal that comes before a server listens ends it quietly."""
    signal.signal(signal.SIGTERM, _end)
    try:
        from safelight.cli.app import app  # noqa: PLC0415 - it takes time, and Ctrl-C may come meanwhile

        app()
    except KeyboardInterrupt:
        _stop(INTERRUPTED)
    except SystemExit as end:
        if end.code == INTERRUPTED:  # what Typer makes of Ctrl-C
            _stop(INTERRUPTED)
        raise


def _end(_number: int, _frame: FrameType | None) -> NoReturn:
    _stop(TERMINATED)


def _stop(status: int) -> NoReturn:
    """End, and say so on a line of its own: the terminal has written ^C."""
    sys.stderr.write("\nStopped.\n")
    sys.exit(status)
