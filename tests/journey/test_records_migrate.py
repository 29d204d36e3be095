"""`safelight records migrate`: what one machine had goes on on many, and a run that is killed leaves nothing behind."""

import asyncio
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from credentials import bearer
from left_behind import DUMPS, restore_sqlite
from safelight.adapters.records.store import open_records
from safelight.domain.image import ImageId, State
from safelight.testing.fakes import RecordingJobs
from safelight.testing.ports import free_port
from safelight.testing.postgres import Postgres
from safelight.testing.program import Program
from safelight.testing.receiver import SECRET, Receiver
from safelight.testing.server import API_KEY, PATIENCE, Server

KINDS = """
from safelight import Kind, cover

photo = Kind("photo", public=True, variants={"thumb": cover(96, 96)})
private_photo = Kind("private-photo", variants={"thumb": cover(96, 96)})
"""

NEWEST = [dump for dump in DUMPS if dump.parent.name == "sqlite"][-1]

WEBHOOKS = {"webhook_secret": SECRET, "webhook_private": "true", "webhook_retry_base": "0.2"}

WAIT = "BEGIN PERFORM pg_advisory_xact_lock(1); RETURN NEW; END"
HOLD = (
    f"CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS '{WAIT}'",
    "CREATE TRIGGER held BEFORE INSERT ON delivery FOR EACH STATEMENT EXECUTE FUNCTION hold()",
)
"""Lets whoever writes to one of the last tables wait for the test."""

HERE = "datname = current_database() AND application_name = 'safelight'"
WAITS = f"SELECT pid FROM pg_stat_activity WHERE {HERE} AND wait_event_type = 'Lock' AND wait_event = 'advisory'"  # noqa: S608
CONNECTED = f"SELECT pid FROM pg_stat_activity WHERE {HERE}"  # noqa: S608 - our own words

Eventually = Callable[[Callable[[], object]], None]


@contextmanager
def connected(url: str) -> Iterator[Callable[[str], list[asyncpg.Record]]]:
    """Give what asks Postgres in one session."""
    with asyncio.Runner() as runner:
        connection = runner.run(asyncpg.connect(url))
        try:
            yield lambda query: runner.run(connection.fetch(query))
        finally:
            runner.run(connection.close())


async def leave_behind(data: Path, uploaded: ImageId, processing: ImageId) -> None:
    """Leave two images as a server does that is killed: right after CONFIRM, and while it worked on the other."""
    async with open_records(data / "safelight.db", RecordingJobs()) as records, records.transaction() as tx:
        await tx.move(uploaded, was=State.REQUESTED, now=State.UPLOADED)
        confirmed = await tx.move(processing, was=State.REQUESTED, now=State.UPLOADED)
        await tx.take(confirmed, now=State.PROCESSING, lease_until=datetime.now(UTC))


@dataclass(frozen=True)
class Left:
    """What a machine left in its folder: three images. `refused` is what was said while its server ran."""

    data: Path
    shown: dict[str, Any]
    uploaded: ImageId
    processing: ImageId
    refused: subprocess.CompletedProcess[str]

    @property
    def images(self) -> list[str]:
        """Their ids."""
        return [self.shown["id"], self.uploaded, self.processing]


@dataclass(frozen=True)
class Many:
    """The processes that have it now, and a caller."""

    left: Left
    programs: list[Program]
    api: Any

    def ends_of(self, image_id: str) -> list[str]:
        """Return what any of them logged of an image that it was through with."""
        lines = [line for program in self.programs for line in program.log.splitlines()]
        return [line for line in lines if "image_processed" in line and image_id in line]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the kinds file."""
    folder = tmp_path_factory.mktemp("records")
    (folder / "images.py").write_text(KINDS)
    return folder


@pytest.fixture(scope="module")
def left(folder: Path, commands_in: Any, call_as_application: Any, file: bytes, postgres: Postgres) -> Left:
    """One machine, until it was killed: nobody heard of an image that is ready, and two others are not yet so."""
    nobody = f"http://127.0.0.1:{free_port()}/"
    settings = {**WEBHOOKS, "kinds": str(folder / "images.py"), "webhook_url": nobody}
    with Server(folder / "data", settings) as one, call_as_application(one) as api:
        shown = api.ready(file, kind="private-photo")
        requested = [api.request(file) for _ in range(2)]
        for image in requested:
            assert api.upload(image["upload"], file).status_code == 201
        unused = postgres.create_database("unused")
        refused = commands_in(folder)("records", "migrate", "--from", one.data, "--to", unused)
    uploaded, processing = (ImageId(image["id"]) for image in requested)
    asyncio.run(leave_behind(folder / "data", uploaded, processing))
    return Left(folder / "data", shown, uploaded, processing, refused)


@pytest.fixture(scope="module")
def many(
    left: Left, commands_in: Any, call_as_application: Any, postgres: Postgres, receiver: Receiver
) -> Iterator[Many]:
    """Two processes that work at once, on the records that were carried over, one of which API_KEY is."""
    folder, url = left.data.parent, postgres.create_database("many")
    carried = commands_in(folder)("records", "migrate", "--from", left.data, "--to", url)
    assert carried.returncode == 0, carried.stderr
    settings = {
        **WEBHOOKS,
        "database_url": url,
        "keyring": str(left.data / "keyring.json"),
        "kinds": str(folder / "images.py"),
        "webhook_url": receiver.url,
        "reconcile_every": "0.5",
        "bootstrap_key": API_KEY.replace("70008000000000000001", "70008000000000000002"),
        "data": str(left.data),
    }
    with ExitStack() as stack:
        server = stack.enter_context(Server(left.data, settings))
        settings |= {"public_url": server.url, "uploads_url": server.url}
        worker = stack.enter_context(Program(["worker"], folder / "worker.log", settings, variables=PATIENCE))
        yield Many(left, [server, worker], stack.enter_context(call_as_application(server)))


def test_images_that_were_confirmed_or_in_work_are_made_ready_once(many: Many, eventually: Eventually) -> None:
    left = many.left

    ends = [many.api.final(image_id)["status"] for image_id in left.images]

    assert ends == ["ready"] * 3
    eventually(lambda: all(many.ends_of(image_id) for image_id in (left.uploaded, left.processing)))
    [confirmed], [in_work] = many.ends_of(left.uploaded), many.ends_of(left.processing)
    assert (" attempt=1 " in confirmed, " attempt=2 " in in_work) == (True, True)


def test_webhooks_that_were_owed_are_sent_once(many: Many, receiver: Receiver, eventually: Eventually) -> None:
    """That of the image which was ready before, and of those that are so since."""
    eventually(lambda: all(receiver.about(image_id) for image_id in many.left.images))

    assert [len(receiver.about(image_id)) for image_id in many.left.images] == [1, 1, 1]


def test_a_token_of_before_shows_a_protected_image(many: Many) -> None:
    shown = many.left.shown
    variant = f"{many.api.server.url}/v1/images/{shown['id']}/variants/thumb"

    redirect = httpx.get(variant, headers=bearer(shown["read_token"]))

    assert redirect.status_code == 302
    assert httpx.get(redirect.headers["location"]).status_code == 200


def test_a_run_that_is_killed_in_the_middle_leaves_nothing_and_the_next_one_carries_all(
    command: Any, postgres: Postgres, tmp_path: Path, eventually: Eventually
) -> None:
    restore_sqlite(NEWEST, tmp_path / "safelight.db")
    url = postgres.create_database("killed")
    assert command("migrate", database_url=url).returncode == 0
    words = ["records", "migrate", "--from", str(tmp_path), "--to", url]

    with connected(url) as ask:
        for statement in (*HOLD, "SELECT pg_advisory_lock(1)"):
            ask(statement)
        killed = subprocess.Popen(  # noqa: S603 - our own program, with a test's words
            [sys.executable, "-m", "safelight", *words], cwd=tmp_path, stderr=subprocess.DEVNULL
        )
        eventually(lambda: ask(WAITS))
        [[written]] = ask("SELECT pg_relation_size('image')")
        killed.kill()
        killed.wait()
        ask("SELECT pg_advisory_unlock(1)")
        eventually(lambda: not ask(CONNECTED))
        left = {table: ask(f"SELECT * FROM {table}") for table in ("image", "owner", "audit_event", "delivery")}  # noqa: S608
        ask("DROP TRIGGER held ON delivery")
    again = command(*words)

    assert written > 0, "it was killed before it wrote anything"
    assert left == {"image": [], "owner": [], "audit_event": [], "delivery": []}
    assert again.returncode == 0, again.stderr
    assert "All of them were read back" in again.stdout


def test_beside_a_server_nothing_is_carried(left: Left) -> None:
    assert left.refused.returncode == 1
    assert f"A server runs on {left.data}" in left.refused.stderr


def test_the_records_that_stayed_in_the_folder_are_not_used_by_mistake(many: Many, command: Any) -> None:
    """As they would be where somebody forgets to say SAFELIGHT_DATABASE_URL."""
    refused = command("keys", "create", "app", "--data", many.left.data)

    assert refused.returncode == 1
    assert "was last served with records on Postgres. Name that database: SAFELIGHT_DATABASE_URL" in refused.stderr
