"""This side's view of one child: what it was told, what it says, how it ends."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from safelight.sandbox.protocol import MAX_ANSWER_BYTES, MAX_ANSWERS, Ended
from safelight.worker import memfile

BUSY_SHARE = 0.5
"""Who ran out of time on the clock, and had less than this share of the CPU that it was to have, was kept waiting."""

SENT_FROM_OUTSIDE = frozenset(-number for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP))
"""Exit codes after signals that no decoder dies of: where memory ends, the kernel sends SIGKILL."""


class Stop(StrEnum):
    """Why this side ended a child: it took too long, said or wrote too much, or nobody listens any more."""

    TIMED_OUT = "timed_out"
    TOO_TALKATIVE = "too_talkative"
    WROTE_TOO_MUCH = "wrote_too_much"
    UNWANTED = "unwanted"


@dataclass(frozen=True, slots=True)
class Allowance:
    """What one child may use: `timeout` on the clock, `cpu_seconds` of CPU, bytes of all its renditions together."""

    timeout: timedelta
    cpu_seconds: int
    renditions_bytes: int


@dataclass(frozen=True, slots=True)
class Ending:
    """How a child ended, what it was allowed, and why this side ended it, if it did."""

    ended: Ended
    allowance: Allowance
    stopped: Stop | None

    @property
    def cause(self) -> str:
        """In a word: one of Stop, or `starved`, `cpu`, `killed`, `crashed` or `exited`."""
        if self.stopped is Stop.TIMED_OUT:
            return self.stopped if self._had_its_share else "starved"
        if self.stopped is not None:
            return self.stopped
        return self._own_cause

    @property
    def may_be_chance(self) -> bool:
        """Whether a second try could end otherwise: one with as little CPU, or one that says as much, could not."""
        return self.cause in {"timed_out", "crashed"}

    @property
    def is_ours(self) -> bool:
        """Whether the image had no part in it: somebody killed the child, or the machine had no time for it."""
        return self.cause in {"killed", "starved"}

    @property
    def _had_its_share(self) -> bool:
        due = min(self.allowance.timeout.total_seconds(), self.allowance.cpu_seconds)
        return self.ended.cpu_seconds >= BUSY_SHARE * due

    @property
    def _own_cause(self) -> str:
        code = self.ended.code
        if code == -signal.SIGXCPU or (code == -signal.SIGKILL and self._cpu_is_used_up):
            return "cpu"
        if code in SENT_FROM_OUTSIDE:
            return "killed"
        return "exited" if code == 0 else "crashed"

    @property
    def _cpu_is_used_up(self) -> bool:
        """Whether the kernel will have killed it for the CPU it used: one that does not heed SIGXCPU."""
        return self.ended.cpu_seconds >= self.allowance.cpu_seconds


class Child:
    """A child, from before it is born until after its death. What it says is kept until it is read."""

    def __init__(self, job: bytes, image: int, renditions: Sequence[int], *, allowance: Allowance) -> None:
        self.job = job
        self.files = [image, *renditions]
        self.allowance = allowance
        self.stopped: Stop | None = None
        self._renditions = renditions
        self._pidfd: int | None = None
        self._said: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._answers = 0

    def born(self, pidfd: int) -> None:
        """Note by which file the process can be killed."""
        self._pidfd = pidfd
        if self.stopped:
            self.kill(self.stopped)

    def kill(self, why: Stop) -> None:
        """End the process, or do not even start it; the first reason stays. Killing what is dead is not an error."""
        self.stopped = self.stopped or why
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
                self.kill(Stop.TOO_TALKATIVE)
                return False
            self._said.put_nowait(packet)

    def see_what_it_wrote(self) -> None:
        """Kill the child where its renditions together take more memory than they may."""
        if sum(map(memfile.memory_of, self._renditions)) > self.allowance.renditions_bytes:
            self.kill(Stop.WROTE_TOO_MUCH)

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
