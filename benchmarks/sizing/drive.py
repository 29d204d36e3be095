"""Takes images through the journey, all of them one step after the other, and measures each step."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from safelight.testing.server import API_KEY
from sizing.costs import StepCost, less
from sizing.fleet import Fleet
from sizing.photo import Photo
from sizing.probe import Idle, Probe, Reading, cost

AT_ONCE = 8
IDLE_S = 15.0
LOOK_EVERY_S = 0.25
SETTLES_S = 1.5
"""Longer than the audit log keeps views before it writes them."""

OWNERS = 20
VARIANTS = ("thumb", "medium", "large")


@dataclass
class Ticket:
    """One image on its way."""

    number: int
    answer: dict[str, Any]

    @property
    def path(self) -> str:
        """Where the API has it."""
        return f"/v1/images/{self.answer['id']}"

    def bearing(self, token: str) -> dict[str, str]:
        """Return the header that shows one of its tokens."""
        return {"authorization": f"Bearer {self.answer[token]}"}


class Journey:
    """Takes images of one photo through all steps; `costs` are those of the steps that were done."""

    def __init__(self, fleet: Fleet, probe: Probe, http: httpx.AsyncClient, photo: Photo, idle: Idle) -> None:
        self._fleet = fleet
        self._probe = probe
        self._http = http
        self._photo = photo
        self._idle = idle

    async def run(self, images: int, shows: int) -> list[StepCost]:
        """Return what each step costs, in order."""
        numbers = range(images)
        tickets: list[Ticket] = []

        async def request(number: int) -> None:
            tickets.append(Ticket(number, await self._request(number)))

        with self._fleet.sink.held():
            steps = [
                await self._step("REQUEST", request, numbers),
                await self._step("UPLOAD", self._upload, tickets),
            ]
            with stopped(self._fleet.worker.pid):
                steps.append(await self._step("CONFIRM", self._confirm, tickets))
                ready = await self._probe.ready()
            steps.append(await self._step("PROCESS, FINALIZE", self._ready, [ready + images], images=images))
            steps.append(await self._check(images, steps[-1]))
            told = self._fleet.sink.received + 2 * images
            before = await self._probe.read(time.monotonic())
        steps.append(await self._step("webhook", self._told, [told], images=2 * images, before=before))
        steps.append(await self._step("show", self._show, [*tickets] * shows))
        return steps

    async def _check(self, images: int, alone: StepCost) -> StepCost:
        """Process as many again while somebody waits for each, and return what the waiting costs."""
        tickets = [Ticket(number, await self._request(number)) for number in range(images)]
        for ticket in tickets:
            await self._upload(ticket)
        with stopped(self._fleet.worker.pid):
            for ticket in tickets:
                await self._confirm(ticket)
            waiting = asyncio.create_task(self._step("CHECK", self._wait, tickets, at_once=images))
            await asyncio.sleep(SETTLES_S)
        return less(await waiting, alone)

    async def _step(
        self,
        name: str,
        act: Callable[[Any], Awaitable[None]],
        over: Sequence[Any],
        *,
        images: int | None = None,
        at_once: int = AT_ONCE,
        before: Reading | None = None,
    ) -> StepCost:
        before = before or await self._probe.read(time.monotonic())
        free = asyncio.Semaphore(at_once)

        async def one(what: Any) -> None:
            async with free:
                await act(what)

        await asyncio.gather(*(one(what) for what in over))
        await asyncio.sleep(SETTLES_S)
        return cost(name, before, await self._probe.read(time.monotonic()), images or len(over), self._idle)

    async def _request(self, number: int) -> dict[str, Any]:
        wanted = {
            "kind": "photo",
            "filename": self._photo.name,
            "content_type": "image/jpeg",
            "size": len(self._photo.content),
            "owner": f"user-{number % OWNERS}",
            "attach": {"type": "post", "id": f"{self._photo.name}-{number}"},
        }
        answer = await self._http.post("/v1/images", json=wanted, headers={"authorization": f"Bearer {API_KEY}"})
        return dict(answer.raise_for_status().json())

    async def _upload(self, ticket: Ticket) -> None:
        upload = ticket.answer["upload"]
        sent = await self._http.request(
            upload["method"], upload["url"], headers=upload["headers"], content=self._photo.content
        )
        sent.raise_for_status()

    async def _confirm(self, ticket: Ticket) -> None:
        answer = await self._http.post(f"{ticket.path}/confirm", headers=ticket.bearing("write_token"))
        answer.raise_for_status()

    async def _wait(self, ticket: Ticket) -> None:
        headers = ticket.bearing("read_token") | {"prefer": "wait=20"}
        while True:
            answer = await self._http.get(ticket.path, headers=headers)
            if answer.raise_for_status().json()["status"] == "ready":
                return

    async def _ready(self, images: int) -> None:
        while await self._probe.ready() < images:  # noqa: ASYNC110 - it happens in another process
            await asyncio.sleep(LOOK_EVERY_S)

    async def _told(self, images: int) -> None:
        while self._fleet.sink.received < images:  # noqa: ASYNC110 - it happens in another thread
            await asyncio.sleep(LOOK_EVERY_S)

    async def _show(self, ticket: Ticket) -> None:
        variant = VARIANTS[ticket.number % len(VARIANTS)]
        answer = await self._http.get(f"{ticket.path}/variants/{variant}", headers=ticket.bearing("read_token"))
        if answer.status_code != httpx.codes.FOUND:
            raise RuntimeError(answer.text)


async def idle_cost(probe: Probe) -> Idle:
    """Return what happens in any case."""
    before = await probe.read(time.monotonic())
    await asyncio.sleep(IDLE_S)
    return Idle.between(before, await probe.read(time.monotonic()))


@asynccontextmanager
async def client(fleet: Fleet) -> AsyncIterator[httpx.AsyncClient]:
    """Give a client of the API."""
    async with httpx.AsyncClient(base_url=fleet.api.url, timeout=300, trust_env=False) as http:
        yield http


class stopped:  # noqa: N801 - reads as a block
    """A block in which a process does nothing."""

    def __init__(self, pid: int) -> None:
        self._pid = pid

    def __enter__(self) -> None:
        os.kill(self._pid, signal.SIGSTOP)

    def __exit__(self, *_: object) -> None:
        os.kill(self._pid, signal.SIGCONT)
