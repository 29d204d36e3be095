"""A call whose transaction crosses another's way: it is told when to come again, and nothing of it is done."""

import asyncio
from collections.abc import Iterator
from typing import Any

import asyncpg
import httpx
import pytest

from credentials import bearer
from safelight.testing.cluster import Cluster, Size
from safelight.testing.postgres import PostgresServer

KINDS = """
from safelight import Kind, cover

avatar = Kind("avatar", variants={"thumb": cover(96, 96)})
"""

PATIENT = "SET deadlock_timeout = '10min'"
"""For the other transaction: of two that wait for each other, the first to look is the one that gives way."""

WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted"
OF_THE_IMAGE = """
    SELECT state,
        (SELECT count(*) FROM audit_event WHERE image_id = image.id AND action = 'image.confirmed') AS confirmed,
        (SELECT count(*) FROM safelight_pgqueuer WHERE entrypoint = 'rendering') AS jobs
    FROM image
"""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """An API and an upload service; no worker touches what the API has done."""
    folder = tmp_path_factory.mktemp("crossed")
    kinds = folder / "kinds.py"
    kinds.write_text(KINDS)
    with (
        PostgresServer() as postgres,
        Cluster(folder, postgres=postgres, database="crossed", kinds=kinds, size=Size(apis=1, workers=0)) as cluster,
    ):
        yield cluster


async def uploaded(call: httpx.AsyncClient, content: bytes) -> str:
    """Upload an image of a user's, and return where it is confirmed."""
    wanted = {"kind": "avatar", "filename": "me.jpg", "size": len(content), "content_type": "image/jpeg"}
    made = (await call.post("/v1/images", json=wanted | {"owner": "anna"})).json()
    upload = made["upload"]
    sent = await call.request(upload["method"], upload["url"], content=content, headers=upload["headers"])
    assert sent.is_success
    return f"/v1/images/{made['id']}/confirm"


async def crossing(call: httpx.AsyncClient, confirm: str, url: str, headers: dict[str, str]) -> httpx.Response:
    """Confirm, while another transaction has the owner, and wants the image as soon as the call has that."""
    other, look = await asyncpg.connect(url), await asyncpg.connect(url)
    try:
        await other.execute(PATIENT)
        await other.execute("BEGIN; SELECT FROM owner FOR UPDATE")
        answer = asyncio.create_task(call.post(confirm, headers=headers))
        while not await look.fetchval(WAITING):
            pass
        await other.execute("UPDATE image SET revision = revision")
        return await answer
    finally:
        await other.close()
        await look.close()


async def known(url: str) -> dict[str, Any]:
    connection = await asyncpg.connect(url)
    try:
        return dict(await connection.fetchrow(OF_THE_IMAGE))
    finally:
        await connection.close()


async def test_a_call_that_crosses_anothers_way_is_told_to_come_again_and_can(cluster: Cluster, picture: Any) -> None:
    url = cluster.database_url
    once = {"idempotency-key": "once"}
    async with httpx.AsyncClient(base_url=cluster.url, headers=bearer(cluster.key), timeout=60) as call:
        confirm = await uploaded(call, picture(1))

        refused = await crossing(call, confirm, url, once)
        after_refusal = await known(url)
        again = await call.post(confirm, headers=once)
        in_the_end = await known(url)

    assert (refused.status_code, refused.json()["code"]) == (503, "busy")
    assert int(refused.headers["retry-after"]) > 0
    assert after_refusal == {"state": "requested", "confirmed": 0, "jobs": 0}
    assert again.status_code == 202
    assert in_the_end == {"state": "uploaded", "confirmed": 1, "jobs": 1}
