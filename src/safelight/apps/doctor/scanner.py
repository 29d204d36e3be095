"""The scanners of the kinds: whether each ClamAV answers, and takes files as large as its kinds do."""

from collections.abc import AsyncIterator, Sequence

from safelight.adapters.scan.scanner import KindScanner
from safelight.apps.doctor.finding import Finding, Visit, fine, wrong
from safelight.domain.errors import ImageRejected, KindInvalid, ScannerFailed
from safelight.domain.hooks import ClamAV
from safelight.domain.kind import Kind

PIECE_BYTES = 1 << 20

TRIED_BYTES = 100_000_000
"""No larger file is sent to try it: that is how much ClamAV takes when nothing else is set."""


async def scanners(visit: Visit) -> list[Finding]:
    """Send each ClamAV that a kind names as many bytes as a file of it may have."""
    if isinstance(visit.kinds, KindInvalid):
        return []
    asking: dict[ClamAV, list[Kind]] = {}
    for kind in visit.kinds.values():
        if isinstance(kind.scan, ClamAV):
            asking.setdefault(kind.scan, []).append(kind)
    scanner = KindScanner(timeout=visit.settings.scan_timeout)
    return [finding for scan, kinds in asking.items() for finding in await _scanner(scan, kinds, scanner, visit)]


async def _scanner(scan: ClamAV, kinds: Sequence[Kind], scanner: KindScanner, visit: Visit) -> list[Finding]:
    names = ", ".join(kind.name for kind in kinds)
    try:
        await scanner.see(scan)
    except ScannerFailed as error:
        wait = visit.settings.scanner_down == "wait"
        return wrong(
            "scanner",
            f"of {names}: {error.reason}; their images {'wait' if wait else 'are taken unscanned'}",
            f"Start ClamAV (on Debian: systemctl start clamav-daemon), or name where it is: ClamAV({scan.address!r})",
        )
    most = min(max(kind.max_bytes for kind in kinds), TRIED_BYTES)
    try:
        await scanner.scan(scan, _zeros(most))
    except (ImageRejected, ScannerFailed) as error:
        reason = error.reason if isinstance(error, ScannerFailed) else f"it finds {error.detail} in a file of zeros"
        cure = f"Set StreamMaxLength {max(kind.max_bytes for kind in kinds)} or more in clamd.conf, and restart ClamAV"
        return wrong("scanner", f"of {names}: a file of {most:,} bytes is not scanned: {reason}", cure)
    return fine("scanner", f"ClamAV at {scan.address} scans files of {most:,} bytes ({names})")


async def _zeros(count: int) -> AsyncIterator[bytes]:
    for begun in range(0, count, PIECE_BYTES):
        yield bytes(min(PIECE_BYTES, count - begun))
