"""The end by a signal: quiet, and with the status that shells expect."""

import signal
import sys

INTERRUPTED = 128 + signal.SIGINT
TERMINATED = 128 + signal.SIGTERM
"""What shells expect of a program that a signal ended."""


def say_stopped() -> None:
    """Say so, on a line of its own: the terminal has written ^C."""
    sys.stderr.write("\nStopped.\n")
