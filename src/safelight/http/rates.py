"""How often one client may call: which rate counts for a call, and whose it is."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum, auto
from ipaddress import IPv6Address, ip_address
from typing import Any, Self

from safelight.domain import api_keys
from safelight.domain.errors import NotAuthenticated, TooManyRequests
from safelight.domain.image import Image
from safelight.http.asgi import App, Message, Receive, Scope, Send, encode
from safelight.http.rate_headers import headers_of
from safelight.ports.rate_limiter import Rate, RateLimiter, Remaining

NETWORK_BYTES = 8
"""An IPv6 client has a /64 to itself, and any address in it (RFC 4291, 2.5.4; RFC 6177, 2)."""

NO_ADDRESS = "none"
"""Clients without an address, or with one that is none, count as one."""

COUNTED_AS = "counted_as"
"""Key of a route's `opt`: the Count of its calls. One that does not say counts as CALL."""

KEY_TRIED = "key_tried"
"""Key of the request's state: there once the API key of a call has been looked at."""

BEARER = b"bearer "
KEY = api_keys.PREFIX.encode()


class Count(Enum):
    """What a call of a route counts as."""

    NOTHING = auto()
    """There is no limit."""
    CALL = auto()
    """A call of the API, unless it comes with an API key, which is looked at."""
    OPEN_CALL = auto()
    """A call of the API that looks at no credential, so that none spares it."""
    SHOW = auto()
    """An image that is fetched."""


@dataclass(frozen=True, slots=True)
class Rates:
    """The rates of the API: those of an address, and that of a read token.

    `opened` has the digests of the API keys that have opened something. They are looked at even where the address sent
    too many that do not, since others may come from the same: behind a proxy that is not trusted, all of them do.
    """

    limiter: RateLimiter
    calls: Rate
    bad_keys: Rate
    shows: Rate
    token_shows: Rate
    opened: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, limiter: RateLimiter, *, calls: int, bad_keys: int, shows: int, token_shows: int) -> Self:
        """Return rates that allow so many in a minute."""
        return cls(
            limiter,
            calls=Rate("address", calls),
            bad_keys=Rate("address-bad-keys", bad_keys),
            shows=Rate("address-shows", shows),
            token_shows=Rate("token-shows", token_shows),
        )

    def count_token(self, image: Image) -> Remaining:
        """Count that the read token of an image was used, however it is written. Raises TooManyRequests."""
        return self.limiter.hit(self.token_shows, f"{image.id}.{image.token_generation}")


def address_of(scope: Mapping[str, Any]) -> str:
    """Return what stands for the client: its IPv4 address, or the /64 of its IPv6 address."""
    client = scope.get("client")
    try:
        address = ip_address(client[0]) if client else None
    except ValueError:
        return NO_ADDRESS
    if isinstance(address, IPv6Address) and address.ipv4_mapped is None:
        return address.packed[:NETWORK_BYTES].hex(":", 2)
    return str(getattr(address, "ipv4_mapped", address)) if address else NO_ADDRESS


def counted_by(rates: Rates) -> Callable[[App], App]:
    """Return a middleware of Litestar's, which runs when the route is known and nothing else is done.

    It raises TooManyRequests, or else adds what is left to the answer. Long polls and event streams count once.
    """

    def counting(app: App) -> App:
        async def counted(scope: Scope, receive: Receive, send: Send) -> None:
            rate = _rate_for(scope, rates)
            if rate is None:
                with _seeing_the_key(scope, rates):
                    await app(scope, receive, send)
                return
            headers = encode(headers_of(rates.limiter.hit(rate, address_of(scope))))

            async def send_with_rate(message: Message) -> None:
                if message["type"] == "http.response.start":
                    message["headers"] = [*message["headers"], *headers]
                await send(message)

            await app(scope, receive, send_with_rate)

        return counted

    return counting


@contextmanager
def trying_a_key(scope: Mapping[str, Any], key: str, rates: Rates) -> Iterator[None]:
    """Return a block that looks whether an API key opens anything, and raises NotAuthenticated where it does not.

    Raises TooManyRequests instead of running the block when the address has sent too many that did not.
    """
    scope["state"][KEY_TRIED] = True
    address, digest = address_of(scope), api_keys.digest(key)
    _see_bad_keys(rates, address, digest)
    try:
        yield
    except NotAuthenticated:
        rates.opened.discard(digest)
        rates.limiter.hit(rates.bad_keys, address)
        raise
    rates.opened.add(digest)


@contextmanager
def _seeing_the_key(scope: Scope, rates: Rates) -> Iterator[None]:
    """Return a block in which the API key that spares a call is looked at. One that is not counts as one that is none.

    Else whoever made one up could send as often as they like what is refused before that. Raises TooManyRequests.
    """
    key = _key_in(scope) if _count_of(scope) is Count.CALL else None
    if key is None:
        yield
        return
    address = address_of(scope)
    _see_bad_keys(rates, address, api_keys.digest(key))
    try:
        yield
    finally:
        if KEY_TRIED not in scope["state"]:
            with suppress(TooManyRequests):  # the answer is on its way: the next call hears of it
                rates.limiter.hit(rates.bad_keys, address)


def _see_bad_keys(rates: Rates, address: str, digest: str) -> None:
    """Raise TooManyRequests where an address has sent too many keys that are none, and this one opened nothing yet."""
    if digest not in rates.opened:
        rates.limiter.see(rates.bad_keys, address)


def _rate_for(scope: Scope, rates: Rates) -> Rate | None:
    match _count_of(scope):
        case Count.NOTHING:
            return None
        case Count.SHOW:
            return rates.shows
        case Count.CALL if _key_in(scope) is not None:
            return None
        case _:
            return rates.calls


def _count_of(scope: Scope) -> Count:
    counted_as: Count = scope["route_handler"].opt.get(COUNTED_AS, Count.CALL)
    return counted_as


def _key_in(scope: Scope) -> str | None:
    """Return what looks like an API key, or None. Whether it is one is looked at later, and counted."""
    shown = [value for name, value in scope["headers"] if name == b"authorization"]
    scheme_and_key = shown[0] if len(shown) == 1 else b""
    scheme, key = scheme_and_key[: len(BEARER)], scheme_and_key[len(BEARER) :]
    return key.decode("latin-1").strip() if scheme.lower() == BEARER and key.startswith(KEY) else None
