"""Workers of their own, on one Postgres, that are stopped and killed while they render."""

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from safelight.adapters.records.postgres import ANSWER_WITHIN
from safelight.testing.cluster import Cluster, Size, at_once
from safelight.testing.postgres import PostgresServer
from safelight.testing.program import Program
from safelight_client import Client, Image

KINDS = """
from safelight import Kind, fit

poster = Kind("poster", public=True, variants={
    "small": fit(100, formats="webp"),
    "large": fit(widths=[1000, 1400, 1800, 2200, 2600, 3000], formats="avif webp jpeg"),
})
"""
"""A kind that is under way for seconds, and shows by its first rendition that it is."""

SILENCE_S = 2
Eventually = Callable[[Callable[[], object]], None]


@pytest.fixture(scope="module")
def processes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Two workers, an API and an upload service."""
    folder = tmp_path_factory.mktemp("workers")
    kinds = folder / "kinds.py"
    kinds.write_text(KINDS)
    settings = {"stop_grace": "0", "slots": "1", "job_heartbeat_timeout": str(SILENCE_S), "job_poll_every": "1"}
    size = Size(apis=1, workers=2, uploads=1)
    with (
        PostgresServer() as postgres,
        Cluster(folder, postgres=postgres, database="workers", kinds=kinds, size=size, settings=settings) as cluster,
    ):
        yield cluster


@pytest.fixture
def cluster(processes: Cluster) -> Cluster:
    """The same, with the first worker alone."""
    first, second = processes.workers
    if first.has_ended:
        first.start()
    if not second.has_ended:
        second.stop()
    return processes


def row(cluster: Cluster, image: Image, columns: str) -> Any:
    """Return these columns of an image."""

    async def ask() -> Any:
        connection = await asyncpg.connect(cluster.database_url)
        try:
            statement = f"SELECT {columns} FROM image WHERE id = $1"  # noqa: S608 - the test's own
            return tuple(await connection.fetchrow(statement, image.id))
        finally:
            await connection.close()

    return asyncio.run(ask())


def under_way(client: Client, photo: Path, eventually: Eventually) -> Image:
    """Upload, and return when the first rendition is there and others are to come."""
    image = client.upload(photo, kind="poster", wait=False)
    eventually(lambda: client.get(image.id).progress > 0)
    assert client.get(image.id).status == "processing"
    return image


def test_a_shared_folder_is_not_served_with_records_of_its_own(cluster: Cluster) -> None:
    """What these would not know, their sweep would remove."""
    with pytest.raises(RuntimeError, match="was last served with records on Postgres"):
        Program(["up", "--data", str(cluster.data)], cluster.folder / "up.log", {}).start()


def test_what_a_stopped_worker_was_rendering_is_begun_by_another_at_once(
    cluster: Cluster, photo: Path, eventually: Eventually
) -> None:
    with Client(cluster.url, api_key=cluster.key) as client:
        image = under_way(client, photo, eventually)

        status = cluster.workers[0].stop()
        given_back = row(cluster, image, "state, attempt, lease_until")
        cluster.workers[1].start()
        started_at = time.monotonic()
        eventually(lambda: row(cluster, image, "state") == ("processing",))
        took = time.monotonic() - started_at
        ready = client.wait(image.id)

    assert status == 0
    assert given_back == ("uploaded", 0, None)
    assert took < SILENCE_S
    assert ready.status == "ready"
    assert row(cluster, image, "attempt") == (1,)


def test_what_a_killed_worker_was_rendering_is_tried_again_soon_by_another(
    cluster: Cluster, photo: Path, eventually: Eventually
) -> None:
    with Client(cluster.url, api_key=cluster.key) as client:
        image = under_way(client, photo, eventually)

        cluster.workers[0].kill()
        cluster.workers[1].start()
        started_at = time.monotonic()
        eventually(lambda: row(cluster, image, "state, attempt") == ("processing", 2))
        took = time.monotonic() - started_at
        ready = client.wait(image.id)

    assert took < SILENCE_S + 1 + 2 + 5  # its silence, a look, the wait before a second try, and a busy machine
    assert ready.status == "ready"
    assert "image_recovered" in cluster.workers[1].log


def test_an_api_and_a_worker_that_are_stopped_wait_for_no_answer_of_a_silent_postgres(
    cluster: Cluster, photo: Path, eventually: Eventually
) -> None:
    with Client(cluster.url, api_key=cluster.key) as client:
        image = under_way(client, photo, eventually)
        parts = [*cluster.apis, cluster.workers[0]]

        cluster.to_database.stall()
        stopped_at = time.monotonic()
        statuses = at_once(Program.stop, parts)
        took = time.monotonic() - stopped_at
        cluster.to_database.flow()
        at_once(Program.start, parts)
        ready = client.wait(image.id)

    assert statuses == [0, 0]
    assert took < ANSWER_WITHIN.total_seconds()
    assert ready.status == "ready"
