"""Keeps webhooks out of private networks (server-side request forgery).

A name is looked up once; every address that comes back must be public; and the connection goes to an address that was
checked. A name that answers differently the next time (DNS rebinding) therefore gains nothing.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

import httpx

Address = IPv4Address | IPv6Address
Resolver = Callable[[str, int], Awaitable[Sequence[str]]]
"""Returns the addresses of a host, for a port, in the order in which to try them. Raises OSError."""

NAT64 = IPv6Network("64:ff9b::/96")
"""RFC 6052: the last 32 bits are the IPv4 address that a gateway connects to."""

GLOBAL_UNICAST = IPv6Network("2000::/3")
"""All that IANA has given out for public use in IPv6; what lies outside is not public, whatever its name."""

NEVER = (
    ip_network("168.63.129.16/32"),  # reaches the host's own services from inside every Azure network
    ip_network("192.0.0.0/24"),  # RFC 6890, protocol assignments; Python 3.11 knows but parts of it
    ip_network("2002::/16"),  # RFC 3056, withdrawn by RFC 7526: carries an IPv4 address of anyone's choice
    ip_network("3fff::/20"),  # RFC 9637, documentation; newer than Python 3.11
)
"""Networks that Python's `is_global` would let pass."""


class AddressRefused(httpx.ConnectError):
    """The host has an address that webhooks may not go to. Its text names no address."""


def is_public(address: Address) -> bool:
    """Whether anyone may be sent to this address: public unicast, also behind the IPv6 forms of an IPv4 address."""
    inner = _ipv4_within(address) if isinstance(address, IPv6Address) else None
    if inner is not None:
        return is_public(inner)
    if address.is_multicast or any(address in network for network in NEVER):
        return False
    return address.is_global and (address.version == 4 or address in GLOBAL_UNICAST)  # noqa: PLR2004 - IPv4


def _ipv4_within(address: IPv6Address) -> IPv4Address | None:
    """Return the IPv4 address that a connection to `address` would come out at."""
    if address in NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped


async def system_resolver(host: str, port: int) -> Sequence[str]:
    """Ask the operating system, which also understands odd spellings such as 127.1 or 0x7f000001."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


class GuardedTransport(httpx.AsyncBaseTransport):
    """Connects to public hosts alone, over `inner`; the host name stays in `Host`, in TLS and in its certificate."""

    def __init__(self, inner: httpx.AsyncBaseTransport, resolver: Resolver = system_resolver) -> None:
        self._inner = inner
        self._resolver = resolver

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send to the first of the host's addresses that can be reached.

        Raises AddressRefused where any address is not public, and what `inner` raises.
        """
        addresses = await self._public_addresses(request.url)
        for address in addresses[:-1]:
            try:
                return await self._send_to(address, request)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                continue
        return await self._send_to(addresses[-1], request)

    async def aclose(self) -> None:
        """Close `inner`."""
        await self._inner.aclose()

    async def _public_addresses(self, url: httpx.URL) -> list[Address]:
        if url.scheme != "https":
            raise AddressRefused("only https is allowed")
        try:
            found = await self._resolver(url.host, url.port or 443)
        except OSError as error:
            raise httpx.ConnectError("the host's name is not known") from error
        addresses = [ip_address(text) for text in dict.fromkeys(found)]
        if not addresses or not all(map(is_public, addresses)):
            raise AddressRefused("the host's address is not public")
        return addresses

    async def _send_to(self, address: Address, request: httpx.Request) -> httpx.Response:
        pinned = httpx.Request(
            request.method,
            request.url.copy_with(host=str(address)),
            headers=request.headers,
            stream=request.stream,
            extensions={**request.extensions, "sni_hostname": request.url.host},
        )
        return await self._inner.handle_async_request(pinned)
