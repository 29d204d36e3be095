"""The checks of addresses."""

import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from safelight.adapters.keyring import KeyringFile
from safelight.apps.doctor.finding import Level, Visit
from safelight.apps.doctor.network import delivery_url, listening_address, port, public_url
from safelight.testing.fakes import FrozenClock
from safelight.testing.serving import serving

MakeVisit = Callable[..., Visit]


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that something else listens on, and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_an_address_that_others_can_reach_is_told(visit: MakeVisit) -> None:
    (inside,) = listening_address(visit())
    (outside,) = listening_address(visit(host="0.0.0.0"))  # noqa: S104 - the fault to be found

    assert inside.level is Level.OK
    assert outside.level is Level.WARNING
    assert "behind a proxy" in outside.cure


async def test_a_port_that_something_else_has_is_wrong(visit: MakeVisit, taken: int) -> None:
    (found,) = await port(visit(port=taken))

    assert found.level is Level.WRONG
    assert "in use" in found.seen
    assert f"sport = :{taken}" in found.cure


async def test_a_free_port_is_well(visit: MakeVisit) -> None:
    (found,) = await port(visit(port=0))

    assert found.level is Level.OK


async def test_an_address_of_another_machine_is_wrong(visit: MakeVisit) -> None:
    (found,) = await port(visit(host="192.0.2.1", port=0))

    assert found.level is Level.WRONG
    assert "--host" in found.cure


async def test_a_running_server_that_does_not_answer_at_its_port_is_told(visit: MakeVisit) -> None:
    async with serving(_other_program) as elsewhere:
        (found,) = await port(visit(running=True, port=elsewhere))

    assert found.level is Level.WARNING
    assert "--port" in found.cure


async def test_a_public_url_where_something_else_answers_is_wrong(visit: MakeVisit) -> None:
    async with serving(_other_program) as elsewhere:
        (found,) = await public_url(visit(running=True, public_url=f"http://127.0.0.1:{elsewhere}"))

    assert found.level is Level.WRONG
    assert "does not answer as Safelight: something else answers" in found.seen
    assert "SAFELIGHT_PUBLIC_URL" in found.cure


async def test_a_public_url_where_nothing_answers_is_wrong(visit: MakeVisit) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        free = listener.getsockname()[1]

    (found,) = await public_url(visit(running=True, public_url=f"http://127.0.0.1:{free}"))

    assert found.level is Level.WRONG


async def test_signed_urls_that_lead_to_something_else_are_wrong(visit: MakeVisit) -> None:
    KeyringFile(visit().settings.data / "keyring.json", FrozenClock())
    async with serving(_other_program) as elsewhere:
        (found,) = await delivery_url(visit(running=True, delivery_url=f"http://127.0.0.1:{elsewhere}"))

    assert found.level is Level.WRONG
    assert "it says 200" in found.seen
    assert "SAFELIGHT_DELIVERY_URL" in found.cure


async def test_public_addresses_are_looked_at_only_where_they_are_set(visit: MakeVisit) -> None:
    assert await public_url(visit(running=True)) == []
    assert await delivery_url(visit(running=True)) == []


async def _other_program(scope: Any, receive: Any, send: Any) -> None:  # noqa: ARG001 - the shape of ASGI
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/html")]})
    await send({"type": "http.response.body", "body": b"<h1>It works</h1>"})


async def test_on_postgres_the_servers_may_be_on_other_machines(visit: MakeVisit) -> None:
    (found,) = await port(visit(running=True, port=0, database_url="postgresql://me@db.example/safelight"))

    assert found.level is Level.OK
    assert "free" in found.seen


async def test_signed_urls_of_a_bucket_are_left_to_the_look_at_the_bucket(visit: MakeVisit) -> None:
    storage_url = "s3://bucket?region=eu-central-1"

    (found,) = await delivery_url(visit(running=True, public_url="http://127.0.0.1:9", storage_url=storage_url))

    assert found.level is Level.OK
    assert "doctor --storage" in found.seen
