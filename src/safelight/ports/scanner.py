"""Scans files for what is harmful, before anything decodes them."""

from collections.abc import AsyncIterator
from typing import Protocol

from safelight.domain.hooks import ClamAV, Scan


class Scanner(Protocol):
    """Runs what a kind declares as `scan`."""

    async def see(self, scan: ClamAV | Scan) -> None:
        """See that the scanner answers at all. Raises ScannerFailed. A function of the kinds file always does."""
        ...

    async def scan(self, scan: ClamAV | Scan, source: AsyncIterator[bytes]) -> None:
        """Read the file to its end. Raises ImageRejected (infected) where it is not clean, and ScannerFailed.

        What the source raises comes through.
        """
        ...
