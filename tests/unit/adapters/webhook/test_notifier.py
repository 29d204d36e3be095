import asyncio
import base64
import json
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook

from safelight.adapters.webhook.channel import Channel
from safelight.adapters.webhook.notifier import WebhookNotifier
from safelight.domain.errors import DeliveryFailed
from safelight.domain.jobs import DeliveryId
from safelight.ports.notifier import Notifier

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
DELIVERY = DeliveryId("0193b4c5d6e7f8091a2b3c4d5e6f7081")
BODY = json.dumps({"type": "image.ready", "data": {"filename": "Zoë.jpg"}}, ensure_ascii=False).encode()
TIMEOUT = timedelta(seconds=5)
PUBLIC = "93.184.216.34"


@asynccontextmanager
async def notifier_to(url: str, secret: str = SECRET, **options: Any) -> AsyncIterator[Notifier]:
    async with Channel(secret, **{"timeout": TIMEOUT, **options}) as channel:
        yield WebhookNotifier(url, channel)


@pytest.fixture
async def notifier(receiver: Any) -> AsyncIterator[Notifier]:
    async with notifier_to(receiver.url, allow_private=True) as made:
        yield made


async def test_a_message_arrives_whole_and_its_signature_is_good(notifier: Notifier, receiver: Any) -> None:
    at = datetime.now(UTC)

    await notifier.send(DELIVERY, BODY, at=at)

    ((path, headers, body),) = receiver.requests
    assert (path, body) == ("/hooks", BODY)
    assert headers["webhook-id"] == DELIVERY
    assert headers["webhook-timestamp"] == str(int(at.timestamp()))
    assert headers["content-type"] == "application/json"
    assert Webhook(SECRET).verify(body, headers) == json.loads(BODY)


async def test_the_time_is_signed_in_utc_whatever_the_zone(notifier: Notifier, receiver: Any) -> None:
    at = datetime.now(timezone(timedelta(hours=9)))

    await notifier.send(DELIVERY, BODY, at=at)

    ((_, headers, body),) = receiver.requests
    Webhook(SECRET).verify(body, headers)


async def test_every_try_of_a_delivery_has_the_same_id(notifier: Notifier, receiver: Any) -> None:
    now = datetime.now(UTC)

    await notifier.send(DELIVERY, BODY, at=now)
    await notifier.send(DELIVERY, BODY, at=now + timedelta(seconds=30))

    assert [headers["webhook-id"] for _, headers, _ in receiver.requests] == [DELIVERY, DELIVERY]
    assert len({headers["webhook-signature"] for _, headers, _ in receiver.requests}) == 2


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
async def test_any_2xx_means_taken(status: int, notifier: Notifier, receiver: Any) -> None:
    receiver.status = status

    await notifier.send(DELIVERY, BODY, at=datetime.now(UTC))

    assert len(receiver.requests) == 1


@pytest.mark.parametrize("status", [301, 304, 307, 400, 401, 404, 410, 429, 500, 503])
async def test_any_other_answer_is_a_failure_that_names_the_status(
    status: int, notifier: Notifier, receiver: Any
) -> None:
    receiver.status = status
    receiver.headers = {"Location": f"{receiver.url}/elsewhere"}

    with pytest.raises(DeliveryFailed, match=str(status)):
        await notifier.send(DELIVERY, BODY, at=datetime.now(UTC))

    assert [path for path, _, _ in receiver.requests] == ["/hooks"]


async def test_a_huge_answer_is_not_read_to_its_end() -> None:
    read = 0

    class Endless(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            nonlocal read
            while True:
                read += 1
                yield bytes(16 * 1024)

    network = httpx.MockTransport(lambda _: httpx.Response(200, stream=Endless()))
    async with notifier_to("http://app.example/", allow_private=True, network=network) as it:
        await it.send(DELIVERY, BODY, at=datetime.now(UTC))

    assert read == 5


async def test_a_receiver_that_never_answers_is_given_up() -> None:
    async def silent(_: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError

    network = httpx.MockTransport(silent)
    impatient = timedelta(milliseconds=10)
    async with notifier_to("http://app.example/", timeout=impatient, allow_private=True, network=network) as it:
        with pytest.raises(DeliveryFailed, match="too long"):
            await it.send(DELIVERY, BODY, at=datetime.now(UTC))


async def test_a_receiver_that_hangs_up_is_a_failure() -> None:
    def hang_up(_: httpx.Request) -> httpx.Response:
        raise httpx.RemoteProtocolError("https://app.example/?token=hidden hung up")

    network = httpx.MockTransport(hang_up)
    async with notifier_to("http://app.example/", allow_private=True, network=network) as it:
        with pytest.raises(DeliveryFailed, match="broke off: RemoteProtocolError"):
            await it.send(DELIVERY, BODY, at=datetime.now(UTC))


@pytest.mark.parametrize(
    "error", [UnicodeError("label too long"), OSError(24, "Too many open files"), httpx.StreamClosed()], ids=repr
)
async def test_whatever_else_breaks_on_the_way_is_a_failure(error: Exception, answers: type) -> None:
    def broken(_: httpx.Request) -> httpx.Response:
        raise error

    network = httpx.MockTransport(broken)
    async with notifier_to("https://app.example/", resolver=answers([PUBLIC]), network=network) as it:
        with pytest.raises(DeliveryFailed, match=type(error).__name__):
            await it.send(DELIVERY, BODY, at=datetime.now(UTC))


async def test_a_host_name_without_a_form_on_the_wire_is_a_failure() -> None:
    async with notifier_to(f"https://{'a' * 64}.example/") as it:
        with pytest.raises(DeliveryFailed):
            await it.send(DELIVERY, BODY, at=datetime.now(UTC))


async def test_nobody_listening_is_a_failure(receiver: Any) -> None:
    unused = receiver.url.replace(str(receiver.port), "1")
    async with notifier_to(unused, allow_private=True) as it:
        with pytest.raises(DeliveryFailed, match="no connection"):
            await it.send(DELIVERY, BODY, at=datetime.now(UTC))


@pytest.mark.parametrize("address", ["169.254.169.254", "10.0.0.1", "::1", "::ffff:127.0.0.1", "127.0.0.1"])
async def test_a_private_address_is_a_failure_and_nothing_is_sent(address: str, receiver: Any, answers: type) -> None:
    url = receiver.url.replace("http:", "https:").replace("127.0.0.1", "app.example")
    async with notifier_to(url, resolver=answers([address])) as it:
        with pytest.raises(DeliveryFailed, match="not public"):
            await it.send(DELIVERY, BODY, at=datetime.now(UTC))

    assert receiver.requests == []


async def test_the_proxy_of_the_environment_is_not_used(receiver: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")

    async with notifier_to(receiver.url, allow_private=True) as it:
        await it.send(DELIVERY, BODY, at=datetime.now(UTC))

    assert len(receiver.requests) == 1


async def test_no_reason_tells_the_secret_or_what_stands_in_the_url(answers: type) -> None:
    url = "https://user:password@app.example/hooks?token=hidden"
    async with notifier_to(url, resolver=answers(OSError("x"))) as it:
        with pytest.raises(DeliveryFailed) as caught:
            await it.send(DELIVERY, BODY, at=datetime.now(UTC))

    assert not any(word in str(caught.value) for word in ("password", "hidden", SECRET, "example"))


@pytest.mark.parametrize(
    "secret", ["", "whsec_", "whsec_c2hvcnQ=", SECRET.removeprefix("whsec_"), "whsec_" + "!" * 40, SECRET + "A" * 80]
)
def test_a_secret_that_is_none_stops_the_start(secret: str) -> None:
    with pytest.raises(ValueError, match="whsec_"):
        Channel(secret, timeout=TIMEOUT)


async def test_plain_http_is_only_for_private_networks() -> None:
    with pytest.raises(ValueError, match="https"):
        async with notifier_to("http://app.example/"):
            pass


class ToLoopback(httpx.AsyncHTTPTransport):
    """Real connections, led from the public address to the test's server."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        assert request.url.host == PUBLIC
        request.url = request.url.copy_with(host="127.0.0.1")
        return await super().handle_async_request(request)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file with a key and a self-signed certificate for app.example."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl makes the certificate")
    pem = tmp_path_factory.mktemp("tls") / "app.example.pem"
    wanted = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=app.example"
    files = ["-addext", "subjectAltName=DNS:app.example", "-keyout", str(pem), "-out", str(pem)]
    subprocess.run([openssl, *wanted.split(), *files], check=True, capture_output=True)  # noqa: S603 - our own words
    return pem


@pytest.mark.parametrize(("host", "taken"), [("app.example", True), ("other.example", False)])
async def test_the_certificate_must_be_the_hosts_although_an_address_is_connected_to(
    *, host: str, taken: bool, certificate: Path, answers: type
) -> None:
    names: list[str | None] = []
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    serving.load_cert_chain(certificate)
    serving.sni_callback = lambda _socket, name, _context: names.append(name)
    trusting = ssl.create_default_context(cafile=str(certificate))

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(len(BODY))
        writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0, ssl=serving) as server:
        port = server.sockets[0].getsockname()[1]
        network = ToLoopback(verify=trusting, trust_env=False)
        async with notifier_to(f"https://{host}:{port}/", resolver=answers([PUBLIC]), network=network) as notifier:
            outcome = await asyncio.gather(notifier.send(DELIVERY, BODY, at=datetime.now(UTC)), return_exceptions=True)

    assert (outcome == [None]) is taken
    assert names == [host]
