"""How many statements each step asks of Postgres: a round trip each, so that one more is a decision.

Those that begin and end a transaction count as well. The page on scaling has the numbers, and these tests hold them.
"""

import hashlib
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import event

from safelight.adapters.listener import open_postgres_listener
from safelight.adapters.queue.postgres import open_postgres_queue
from safelight.adapters.records import postgres as adapter
from safelight.adapters.records.postgres import open_postgres_records
from safelight.domain.formats import InputFormat, OutputFormat
from safelight.domain.image import Look
from safelight.domain.retry import Backoff
from safelight.journey.announce import Persistence, send_webhook
from safelight.journey.finalize import finalize_image
from safelight.journey.process import Terms, process_image
from safelight.ports.renderer import Inspected, Rendered
from safelight.testing.fakes import RecordingNotifier, ScriptedRenderer, ScriptedScanner

PAGE = Path(__file__).parents[3] / "docs/scaling.md"
ROW = re.compile(r"^\| (?P<step>[A-Za-z ,]+) \| (?P<count>\d+) \|$", re.MULTILINE)

FILE = b"the bytes of a file"
INSPECTED = Inspected(InputFormat.JPEG, 800, 600, 1, len(FILE), hashlib.sha256(FILE).hexdigest())
LOOK = Look("3OcRJYB4d3h/iIeHeEh3eIhw+j2w", "#7a5b3c")
RENDERED = Rendered("page", OutputFormat.WEBP, 800, 600, b"a picture")
MINUTE = timedelta(minutes=1)
WANTED = {
    "kind": "passport",
    "filename": "me.jpg",
    "size": len(FILE),
    "content_type": "image/jpeg",
    "owner": "me",
    "attach": {"type": "user", "id": "1"},
}


class Statements:
    """What Postgres was asked since the last look."""

    def __init__(self) -> None:
        self._count = 0

    def note(self, *_: object) -> None:
        self._count += 1

    def take(self) -> int:
        count, self._count = self._count, 0
        return count


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> Statements:
    """Every statement of the records: SQLAlchemy tells of its own, asyncpg of the transactions around them."""
    seen, make = Statements(), adapter.postgres_engine

    def watched(*args: Any, **options: Any) -> Any:
        engine = make(*args, **options)
        event.listen(engine.sync_engine, "connect", lambda raw, _: raw.driver_connection.add_query_logger(seen.note))
        event.listen(engine.sync_engine, "before_cursor_execute", seen.note)
        return engine

    monkeypatch.setattr(adapter, "postgres_engine", watched)
    return seen


@pytest.fixture
async def stage(stage: Any, statements: Statements, postgres_url: str) -> AsyncIterator[Any]:
    """The stage on Postgres, with its queue."""
    assert statements
    async with (
        open_postgres_listener(postgres_url) as listener,
        open_postgres_queue(postgres_url, stage.clock, listener=listener) as queue,
        open_postgres_records(postgres_url, queue.outbox) as records,
    ):
        stage.records = records
        yield stage


class Journey:
    """One image on its way; `counts` has how many statements each step took."""

    def __init__(self, stage: Any, call: httpx.AsyncClient, api_key: str, statements: Statements) -> None:
        self._stage = stage
        self._call = call
        self._api_key = api_key
        self._statements = statements
        self.counts: dict[str, int] = {}

    async def run(self, *, renditions: int = 1) -> dict[str, int]:
        self._statements.take()
        made = await self._ask("REQUEST", "POST", "/v1/images", self._api_key, json=WANTED)
        path, reading = f"/v1/images/{made['id']}", made["read_token"]
        self._stage.upload(await self._stage.stored(made["id"]))
        self._statements.take()
        await self._ask("CONFIRM", "POST", f"{path}/confirm", made["write_token"])
        await self._work(made["id"], renditions)
        await self._ask("CHECK", "GET", path, reading)
        await self._ask("show", "GET", f"{path}/variants/page", reading)
        return self.counts

    async def _work(self, image_id: Any, renditions: int) -> None:
        stage = self._stage
        rendered = [replace(RENDERED, width=RENDERED.width - number) for number in range(renditions)]
        given = {"records": stage.records, "signals": stage.signals, "clock": stage.clock}
        processed = await process_image(
            image_id,
            kinds=stage.kinds,
            objects=stage.objects,
            scanner=ScriptedScanner(),
            renderer=ScriptedRenderer((INSPECTED, LOOK, *rendered)),
            terms=Terms(5 * MINUTE, max_attempts=3),
            **given,
        )
        assert processed is not None
        self._note("PROCESS")
        await finalize_image(*processed, ids=stage.ids, retries=stage.retries, told=True, **given)
        self._note("FINALIZE")
        (owed,) = await stage.owed()
        self._statements.take()
        await send_webhook(
            owed.id,
            records=stage.records,
            notifier=RecordingNotifier(),
            links=stage.links,
            clock=stage.clock,
            persistence=Persistence(MINUTE, Backoff(MINUTE, MINUTE, lambda: 1.0), timeout=MINUTE),
        )
        self._note("webhook")

    async def _ask(self, step: str, method: str, path: str, token: str, **what: Any) -> Any:
        answer = await self._call.request(method, path, headers={"authorization": f"Bearer {token}"}, **what)
        assert answer.status_code < 400, answer.text
        self._note(step)
        return answer.json() if answer.content else None

    def _note(self, step: str) -> None:
        self.counts[step] = self._statements.take()


async def test_each_step_asks_as_often_as_the_page_says(
    call: httpx.AsyncClient, stage: Any, api_key: str, statements: Statements
) -> None:
    journey = Journey(stage, call, api_key, statements)
    await journey.run()  # what is asked once of each connection, is not counted

    one = dict(await journey.run())
    two = await journey.run(renditions=2)

    each = {"each rendition": two["PROCESS"] - one["PROCESS"]}
    assert {match["step"]: int(match["count"]) for match in ROW.finditer(PAGE.read_text())} == one | each
