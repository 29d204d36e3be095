"""The commands, one module each."""

from safelight.cli.app import main

__all__ = ["main"]
