"""This side's view of one child: what it was told, what it says, how it ends."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from safelight.sandbox.protocol import MAX_ANSWER_BYTES, MAX_ANSWERS, Ended


@dataclass(frozen=True, slots=True)
class Ending:
    """How a child ended. `timed_out`: for the time that it took; `unwanted`: it had said all, or nobody listened."""

    ended: Ended
    timed_out: bool
    unwanted: bool

    @property
    def cause(self) -> str:
        """In a word: `timed_out`, `unwanted`, `cpu`, `crashed` or `exited`."""
        if self.timed_out:
            return "timed_out"
        if self.unwanted:
            return "unwanted"
        if self.ended.code == -signal.SIGXCPU:
            return "cpu"
        return "exited" if self.ended.code == 0 else "crashed"

    @property
    def may_be_chance(self) -> bool:
        """Whether a second try could end otherwise: one with as little CPU, or one that says as much, could not."""
        return self.cause in {"timed_out", "crashed"}


class Child:
    """A child, from before it is born until after its death. What it says is kept until it is read."""

    def __init__(self, job: bytes, files: Sequence[int], *, timeout: timedelta) -> None:
        self.job = job
        self.files = files
        self.timeout = timeout
        self.unwanted = False
        self._pidfd: int | None = None
        self._said: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._answers = 0

    def born(self, pidfd: int) -> None:
        """Note by which file the process can be killed."""
        self._pidfd = pidfd
        if self.unwanted:
            self.kill()

    def kill(self) -> None:
        """End the process, or do not even start it. Killing what is dead is not an error."""
        self.unwanted = True
        if self._pidfd is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)

    def hear(self, pipe: int) -> bool:
        """Take what lies in the pipe. Returns False once nothing can come any more.

        A child that says more than there is to be said is killed: what it says takes memory of this process.
        """
        while True:
            try:
                packet = os.read(pipe, MAX_ANSWER_BYTES)
            except BlockingIOError:
                return True
            if not packet:
                return False
            self._answers += 1
            if self._answers > MAX_ANSWERS:
                self.kill()
                return False
            self._said.put_nowait(packet)

    def died(self) -> None:
        """Note that it says nothing any more."""
        if self._pidfd is not None:
            os.close(self._pidfd)
            self._pidfd = None
        self._said.put_nowait(None)

    async def answers(self) -> AsyncIterator[bytes]:
        """Yield what the child says, until its end."""
        while (packet := await self._said.get()) is not None:
            yield packet
