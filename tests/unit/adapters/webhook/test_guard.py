from collections.abc import Sequence
from ipaddress import ip_address

import httpx
import pytest

from safelight.adapters.webhook.guard import AddressRefused, GuardedTransport, is_public, system_resolver

PUBLIC = "93.184.216.34"
OTHER_PUBLIC = "93.184.216.35"
PUBLIC_V6 = "2606:2800:220:1::1"

NOT_PUBLIC = [
    "0.0.0.0",  # noqa: S104 - refused, not listened on
    "10.0.0.7",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.8.8.8",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "192.0.0.192",
    "192.0.2.1",
    "192.168.1.1",
    "198.18.0.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:0:127.0.0.1",
    "64:ff9b::10.0.0.1",
    "64:ff9b::169.254.169.254",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%1",
    "fec0::1",
    "ff02::1",
]


class Network(httpx.AsyncBaseTransport):
    """Notes the connections that it is asked for; some addresses cannot be reached."""

    def __init__(self, *unreachable: str) -> None:
        self.unreachable = unreachable
        self.requests: list[httpx.Request] = []
        self.bodies: list[bytes] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if request.url.host in self.unreachable:
            raise httpx.ConnectError("refused")
        self.bodies.append(await request.aread())
        return httpx.Response(204)

    @property
    def hosts(self) -> list[str]:
        return [request.url.host for request in self.requests]


async def post(network: Network, resolver: object, url: str = "https://app.example/hooks?a=1") -> httpx.Response:
    transport = GuardedTransport(network, resolver)  # type: ignore[arg-type]  # the fixture's class has no name here
    async with httpx.AsyncClient(transport=transport, trust_env=False) as http:
        return await http.post(url, content=b"body")


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_an_address_that_is_not_for_everyone_is_not_public(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize(
    "address", [PUBLIC, "8.8.8.8", PUBLIC_V6, "2a00:1450::1", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"]
)
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize(
    "found", [["169.254.169.254"], ["10.1.2.3"], ["::1"], ["::ffff:127.0.0.1"], [PUBLIC, "10.1.2.3"], []]
)
async def test_a_host_with_an_address_that_is_not_public_is_never_connected_to(
    found: Sequence[str], answers: type
) -> None:
    network = Network()

    with pytest.raises(AddressRefused):
        await post(network, answers(found))

    assert network.requests == []


async def test_only_the_address_that_was_checked_is_connected_to(answers: type) -> None:
    network, resolver = Network(), answers([PUBLIC], ["127.0.0.1"])

    await post(network, resolver)

    assert network.hosts == [PUBLIC]
    assert resolver.asked == [("app.example", 443)]


async def test_a_name_that_turns_private_later_is_refused_then(answers: type) -> None:
    network, resolver = Network(), answers([PUBLIC], ["127.0.0.1"])
    await post(network, resolver)

    with pytest.raises(AddressRefused):
        await post(network, resolver)

    assert network.hosts == [PUBLIC]


async def test_host_header_and_tls_name_stay_those_of_the_url(answers: type) -> None:
    network = Network()

    await post(network, answers([PUBLIC_V6]), "https://app.example:8443/hooks?a=1")

    (sent,) = network.requests
    assert str(sent.url) == f"https://[{PUBLIC_V6}]:8443/hooks?a=1"
    assert sent.headers["host"] == "app.example:8443"
    assert sent.extensions["sni_hostname"] == "app.example"


async def test_the_next_address_is_tried_where_one_cannot_be_reached(answers: type) -> None:
    network = Network(PUBLIC_V6)

    response = await post(network, answers([PUBLIC_V6, PUBLIC, OTHER_PUBLIC]))

    assert network.hosts == [PUBLIC_V6, PUBLIC]
    assert network.bodies == [b"body"]
    assert response.status_code == 204


async def test_a_host_without_any_address_that_answers_is_an_error(answers: type) -> None:
    network = Network(PUBLIC_V6, PUBLIC)

    with pytest.raises(httpx.ConnectError):
        await post(network, answers([PUBLIC_V6, PUBLIC]))

    assert network.hosts == [PUBLIC_V6, PUBLIC]


async def test_plain_http_is_refused_before_the_name_is_looked_up(answers: type) -> None:
    network, resolver = Network(), answers([PUBLIC])

    with pytest.raises(AddressRefused):
        await post(network, resolver, "http://app.example/hooks")

    assert resolver.asked == []


async def test_an_unknown_name_is_a_connection_error_that_does_not_name_it(answers: type) -> None:
    with pytest.raises(httpx.ConnectError) as caught:
        await post(Network(), answers(OSError("secret.internal: not known")))

    assert "internal" not in str(caught.value)


@pytest.mark.parametrize("spelling", ["127.0.0.1", "127.1", "0x7f000001", "2130706433", "::1"])
async def test_odd_spellings_of_loopback_are_seen_through(spelling: str) -> None:
    found = await system_resolver(spelling, 443)

    assert found
    assert not any(is_public(ip_address(address)) for address in found)
