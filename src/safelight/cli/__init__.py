"""The commands, one module each."""

from safelight.cli.entry import main

__all__ = ["main"]
