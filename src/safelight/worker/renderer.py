"""The worker's side of the sandbox: hands images in, and takes renditions out that it has checked."""

import asyncio
import contextlib
import hashlib
import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from datetime import timedelta
from types import TracebackType
from typing import Self

import structlog

from safelight.domain.errors import ImageRejected, Reason, RenderingFailed
from safelight.domain.geometry import most_renditions
from safelight.ports.renderer import Part, Recipe
from safelight.sandbox import protocol
from safelight.sandbox.protocol import Job, Limits
from safelight.worker import memfile
from safelight.worker.answers import Answers, Lie, Source
from safelight.worker.child import Allowance, Child, Ending, Stop
from safelight.worker.slot import COMMAND, Slot

log = structlog.get_logger()

LARGEST_RENDITIONS = 4
"""All renditions of one image together may have so many times the bytes of the largest that one may be."""

TRIES = 2
"""A child may die of what is around it, once: then it is the image."""


class SandboxRenderer:
    """Renders images, each in a child process of one of `slots` zygotes. An asynchronous context manager.

        async with SandboxRenderer(slots=2, ...) as renderer:
            async for part in renderer.render(source, recipe): ...

    Of one image: `render_timeout` is the time that it may take on the clock, `render_cpu` on the CPU (whole seconds,
    rounded up), `render_memory_bytes` its memory, `max_rendition_bytes` the size of each of its renditions. `on_end` is
    called with the end of every child: how, and what it used. `zygote` is the command that starts one; tests put a
    wicked one in its place.
    """

    def __init__(
        self,
        *,
        slots: int,
        render_timeout: timedelta,
        render_cpu: timedelta,
        render_memory_bytes: int,
        max_rendition_bytes: int,
        on_end: Callable[[Ending], None] = lambda _: None,
        zygote: Sequence[str] = COMMAND,
    ) -> None:
        self._slots = [Slot(zygote) for _ in range(slots)]
        self._free: asyncio.Queue[Slot] = asyncio.Queue()
        self._limits = Limits(
            cpu_seconds=-(-render_cpu // timedelta(seconds=1)),
            memory_bytes=render_memory_bytes,
            rendition_bytes=max_rendition_bytes,
        )
        self._allowance = Allowance(render_timeout, self._limits.cpu_seconds, LARGEST_RENDITIONS * max_rendition_bytes)
        self._on_end = on_end
        self._running: set[asyncio.Task[Ending | None]] = set()

    @property
    def zygotes(self) -> list[int]:
        """The process ids of the zygotes that live. The child of each, while it has one, is the one that renders."""
        return [slot.pid for slot in self._slots if slot.pid is not None]

    @property
    def busy(self) -> int:
        """How many slots have an image."""
        return len(self._slots) - self._free.qsize()

    async def __aenter__(self) -> Self:
        """Start the zygotes. Raises RenderingFailed."""
        try:
            await asyncio.gather(*(slot.start() for slot in self._slots))
        except BaseException:
            await self._stop()
            raise
        for slot in self._slots:
            self._free.put_nowait(slot)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the zygotes and whatever they render."""
        await self._stop()

    async def render(self, source: AsyncIterator[bytes], recipe: Recipe) -> AsyncGenerator[Part]:
        """See `ports.renderer.Renderer`. Whoever closes the iterator ends the child."""
        with contextlib.ExitStack() as files:
            image = await _fetch(source, files)
            answers = Answers(recipe, image, max_rendition_bytes=self._limits.rendition_bytes)
            for tries_left in reversed(range(TRIES)):
                try:
                    async with contextlib.aclosing(self._attempt(image, recipe, answers)) as parts:
                        async for part in parts:
                            yield part
                except _ChildDied as death:
                    log.warning("render_child_died", **death.facts)
                    if death.ending.is_ours:
                        raise RenderingFailed(f"its child was {death.ending.cause}") from None
                    if not (tries_left and death.ending.may_be_chance):
                        raise ImageRejected(Reason.UNPROCESSABLE) from None
                else:
                    return

    async def _attempt(self, image: Source, recipe: Recipe, answers: Answers) -> AsyncGenerator[Part]:
        """Yield what one child makes of the image. Raises ImageRejected, RenderingFailed, _ChildDied."""
        job = protocol.encode(Job(recipe, image.bytes, self._limits))
        with contextlib.ExitStack() as files:
            renditions = [_memfile("rendition", files) for _ in range(most_renditions(recipe.variants))]
            answers.begin(renditions)
            child = Child(job, image.file, renditions, allowance=self._allowance)
            running = self._begin(child)
            try:
                async for packet in child.answers():
                    part = answers.hear(packet)
                    if part is not None:
                        yield part
            except Lie as lie:
                log.warning("sandbox_violation", what=str(lie))
                raise ImageRejected(Reason.UNPROCESSABLE) from None
            finally:
                child.kill(Stop.UNWANTED)
        if not answers.complete:
            raise _ChildDied(await _ending(running))

    async def drain(self) -> None:
        """Wait until no child is left."""
        while self._running:
            await asyncio.wait(self._running)

    def _begin(self, child: Child) -> asyncio.Task[Ending | None]:
        """Run the child as soon as a slot is free. It comes to its end, and frees the slot, whoever listens or not."""
        running = asyncio.create_task(self._run(child))
        self._running.add(running)
        running.add_done_callback(self._forget)
        return running

    async def _run(self, child: Child) -> Ending | None:
        try:
            slot = await self._free.get()
            try:
                ending = await slot.run(child)
            finally:
                self._free.put_nowait(slot)
        finally:
            child.died()
        if ending is not None:
            self._on_end(ending)
        return ending

    def _forget(self, running: asyncio.Task[Ending | None]) -> None:
        self._running.discard(running)
        if not running.cancelled():
            running.exception()  # whoever still listens has it; otherwise nobody needs to know

    async def _stop(self) -> None:
        for running in self._running:
            running.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        for slot in self._slots:
            slot.stop()


class _ChildDied(Exception):
    """A child ended before it had said everything."""

    def __init__(self, ending: Ending) -> None:
        super().__init__(ending.cause)
        self.ending = ending

    @property
    def facts(self) -> dict[str, object]:
        """What the log is told. The complaint is the child's own: visible ASCII, of a few kilobytes."""
        ended = self.ending.ended
        return {
            "cause": self.ending.cause,
            "code": ended.code,
            "cpu_seconds": ended.cpu_seconds,
            "peak_bytes": ended.peak_bytes,
            "said": ended.complaint,
        }


async def _fetch(source: AsyncIterator[bytes], files: contextlib.ExitStack) -> Source:
    """Stream the image into a sealed file. Raises ImageRejected (empty), and what the source raises."""
    file = _memfile("image", files)
    digest = hashlib.sha256()
    async for chunk in source:
        await asyncio.to_thread(digest.update, chunk)
        memfile.write(file, chunk)
    memfile.seal(file)
    size = memfile.size(file)
    if size == 0:
        raise ImageRejected(Reason.EMPTY)
    return Source(file, size, digest.hexdigest())


def _memfile(name: str, files: contextlib.ExitStack) -> int:
    """Return a file in memory that is closed with `files`."""
    file = memfile.create(name)
    files.callback(os.close, file)
    return file


async def _ending(running: asyncio.Task[Ending | None]) -> Ending:
    """Return how the child ended. Raises RenderingFailed where it never came to that."""
    await asyncio.wait([running])
    ending = None if running.cancelled() else running.result()
    if ending is None:
        raise RenderingFailed("it was stopped")
    return ending
