"""Fulfils `ports.scanner.Scanner`: asks what a kind names, in time, and takes nothing but a clear yes for clean."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta

import structlog

from safelight.adapters.scan import clamd
from safelight.domain.errors import ImageRejected, Reason, ScannerFailed
from safelight.domain.hooks import ClamAV, Scan
from safelight.ports.observe import Observe, ignore, timed

log = structlog.get_logger(__name__)

SEEN_WITHIN = timedelta(seconds=5)
"""A daemon that lives answers a PING within milliseconds, however much it scans."""

PONG = "PONG"
CLEAN = "stream: OK"
FOUND = " FOUND"
TOO_LARGE = "INSTREAM size limit exceeded. ERROR"
LET_MORE_IN = "StreamMaxLength in its clamd.conf must be at least max_bytes of the kind"

MAX_SHOWN_CHARS = 200
"""So much of an answer is shown to the operator."""


class KindScanner:
    """Scans by what a kind's `scan` says, each file within `timeout`. `observe` hears how many seconds each took."""

    def __init__(self, *, timeout: timedelta, observe: Observe = ignore) -> None:
        self._timeout = timeout
        self._observe = observe

    async def see(self, scan: ClamAV | Scan) -> None:
        """See that ClamAV answers. Raises ScannerFailed. A function of the kinds file always does."""
        if not isinstance(scan, ClamAV):
            return
        async with _within(min(self._timeout, SEEN_WITHIN)):
            with _failures(scan.address):
                answer = await clamd.ping(scan.address)
        if answer != PONG:
            raise ScannerFailed(f"what listens at {scan.address} is not ClamAV: to a PING it says {_shown(answer)}")

    async def scan(self, scan: ClamAV | Scan, source: AsyncIterator[bytes]) -> None:
        """Scan the file. Raises ImageRejected (infected), ScannerFailed, and what the source raises."""
        watched = _Watched(source)
        with timed("file", self._observe):
            try:
                async with _within(self._timeout):
                    await (
                        _by_clamd(scan.address, watched) if isinstance(scan, ClamAV) else _by_function(scan, watched)
                    )
            except (ImageRejected, ScannerFailed):
                watched.see_that_it_was_read()
                raise
        watched.see_that_it_was_read()


async def _by_clamd(address: str, source: AsyncIterator[bytes]) -> None:
    with _failures(address):
        answer, whole = await clamd.instream(address, source)
    if answer.endswith(FOUND):
        raise ImageRejected(Reason.INFECTED, _shown(answer))
    if answer == TOO_LARGE:
        raise ScannerFailed(f"the file is too large for ClamAV at {address}; {LET_MORE_IN}")
    if answer != CLEAN or not whole:
        raise ScannerFailed(f"ClamAV at {address} says {_shown(answer)}")


async def _by_function(scan: Scan, source: AsyncIterator[bytes]) -> None:
    try:
        clean = await scan(source)
    except Exception as error:
        log.warning("scan_function_raised", exc_info=error)
        raise ScannerFailed(f"the kind's scan function raised {type(error).__name__}") from error
    if not isinstance(clean, bool):
        raise ScannerFailed(f"the kind's scan function returned {type(clean).__name__}, not True or False")
    if not clean:
        raise ImageRejected(Reason.INFECTED)


@contextmanager
def _failures(address: str) -> Iterator[None]:
    """Turn what breaks between us and ClamAV into ScannerFailed."""
    try:
        yield
    except clamd.HungUp as error:
        raise ScannerFailed(f"ClamAV at {address} hung up before it had answered; {LET_MORE_IN}") from error
    except OSError as error:
        why = error.strerror or str(error) or type(error).__name__
        raise ScannerFailed(f"no connection to ClamAV at {address}: {why}") from error


@asynccontextmanager
async def _within(time_left: timedelta) -> AsyncIterator[None]:
    """Raise ScannerFailed where the block takes longer."""
    try:
        async with asyncio.timeout(time_left.total_seconds()):
            yield
    except TimeoutError:
        raise ScannerFailed(f"it took longer than {time_left.total_seconds():g} seconds") from None


class _Watched:
    """A file that is read, and remembers where reading it failed."""

    def __init__(self, source: AsyncIterator[bytes]) -> None:
        self._source = source
        self._failure: Exception | None = None

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        try:
            return await anext(self._source)
        except StopAsyncIteration:
            raise
        except Exception as error:
            self._failure = error
            raise

    def see_that_it_was_read(self) -> None:
        """Raise what the source raised: then no verdict counts, and the scanner is not to blame."""
        if self._failure is not None:
            raise self._failure


def _shown(answer: str) -> str:
    return ascii(answer[:MAX_SHOWN_CHARS])
