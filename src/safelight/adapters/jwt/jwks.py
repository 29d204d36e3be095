"""The public keys of an identity provider, from its JWKS URL (RFC 7517)."""

import asyncio
import warnings
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self

import httpx
import msgspec
import structlog
from cryptography.exceptions import UnsupportedAlgorithm
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwa import JWSAlgModel
from joserfc.jwk import JWKRegistry, Key, RSAKey

from safelight.domain.errors import Busy
from safelight.ports.clock import Clock

log = structlog.get_logger(__name__)

LEAST_BETWEEN_FETCHES = timedelta(seconds=10)
"""A key of which we did not know is asked for, but not again so soon: whoever forges key ids cannot make us hammer the
provider, and a new key is good after this time at the latest."""

STALE_FOR = timedelta(hours=1)
"""How long keys are believed beyond their time while the URL does not answer: enough to mend an outage without shutting
all users out, and too short to make much of a withdrawn key by keeping us from the URL."""

FETCH_TIMEOUT = timedelta(seconds=5)
"""From look-up to answer. Callers wait for it, those alone whose key we do not have."""

MAX_JWKS_BYTES = 256 * 1024
"""Large providers publish some ten keys of 2 kB, certificates included."""

MIN_RSA_BITS = 2048
"""RFC 7518, 3.3."""

NO_KEY = (JoseError, UnsupportedAlgorithm, ValueError, TypeError, KeyError, AttributeError)
"""What importing raises at what is no key."""

BROKEN = (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError, ValueError, RecursionError)
"""What fetching and reading may raise."""


class JwksUnreadable(ValueError):
    """The URL answered, but not with a JWKS."""


class _Document(msgspec.Struct):
    keys: list[Any]


@dataclass(frozen=True, slots=True)
class Held:
    """The keys as they were last published."""

    keys: Sequence[Key]
    fetched_at: datetime


class JwksKeys:
    """Fulfils `identities.Keys`. Keeps the keys for `ttl`, and a while longer while the URL does not answer.

    Redirects are not followed and the environment's proxies are not used: the keys come from where the setting says.
    """

    def __init__(
        self, url: str, *, ttl: timedelta, clock: Clock, network: httpx.AsyncBaseTransport | None = None
    ) -> None:
        """Take the URL and how long keys are believed. `network` makes the connections."""
        self._url = url
        self._ttl = ttl
        self._clock = clock
        self._http = httpx.AsyncClient(
            transport=network or httpx.AsyncHTTPTransport(),
            trust_env=False,
            follow_redirects=False,
            timeout=FETCH_TIMEOUT.total_seconds(),
            headers={"User-Agent": "Safelight", "Accept": "application/json", "Accept-Encoding": "identity"},
        )
        self._held: Held | None = None
        self._tried_at: datetime | None = None
        self._reached = False
        self._fetching = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def find(self, kid: str | None, algorithm: JWSAlgModel) -> Key | None:
        """Return the key of this id that is for this algorithm, or None. Raises Busy where that cannot be told."""
        key = self._chosen(kid, algorithm)
        if self._is_old() and not (key and self._fetching.locked()):
            await self._fetch()
            key = self._chosen(kid, algorithm)
        if key is None:
            await self._fetch()
            key = self._chosen(kid, algorithm)
        if key is None and not self._reached:
            raise Busy
        return key

    def _chosen(self, kid: str | None, algorithm: JWSAlgModel) -> Key | None:
        """Return the key that is meant: where none is named, the only one that it can be."""
        fitting = [key for key in self._believed() if _fits(key, algorithm) and kid in {None, key.kid}]
        return fitting[0] if len(fitting) == 1 or (fitting and kid is not None) else None

    def _believed(self) -> Collection[Key]:
        held = self._held
        if held is None or self._clock.now() >= held.fetched_at + self._ttl + STALE_FOR:
            return ()
        return held.keys

    def _is_old(self) -> bool:
        return self._held is None or self._clock.now() >= self._held.fetched_at + self._ttl

    async def _fetch(self) -> None:
        """Fetch the keys anew, unless that was tried just now; whoever comes meanwhile waits for the same answer."""
        async with self._fetching:
            now = self._clock.now()
            if self._tried_at is not None and now < self._tried_at + LEAST_BETWEEN_FETCHES:
                return
            self._tried_at, self._reached = now, False
            try:
                async with asyncio.timeout(FETCH_TIMEOUT.total_seconds()):
                    self._held = Held(_keys_in(await self._document()), fetched_at=now)
            except BROKEN as error:
                reason = str(error) if isinstance(error, JwksUnreadable) else type(error).__name__
                log.warning("jwks_not_fetched", reason=reason, kept=len(self._believed()))
            else:
                self._reached = True

    async def _document(self) -> bytes:
        async with self._http.stream("GET", self._url) as response:
            if response.status_code != HTTPStatus.OK:
                raise JwksUnreadable(f"the URL answered {response.status_code}")
            read = bytearray()
            async for chunk in response.aiter_raw():
                read += chunk
                if len(read) > MAX_JWKS_BYTES:
                    raise JwksUnreadable("the answer is too long")
            return bytes(read)


def _keys_in(document: bytes) -> list[Key]:
    """Return the keys that can verify signatures; others are for others (RFC 7517, 5). Raises JwksUnreadable."""
    try:
        published = msgspec.json.decode(document, type=_Document).keys
    except (ValueError, RecursionError):
        raise JwksUnreadable("the answer is no JWKS") from None
    return [key for one in published if (key := _key(one)) is not None]


def _key(published: object) -> Key | None:
    """Return a public key, or None for what is none: a secret, a weak one, one of a sort that nobody knows."""
    if not isinstance(published, dict) or published.get("kty") == "oct":
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SecurityWarning)  # of weak keys, which are refused below
            key = JWKRegistry.import_key(published)
    except NO_KEY:
        return None
    if isinstance(key, RSAKey) and key.public_key.key_size < MIN_RSA_BITS:
        return None
    return key


def _fits(key: Key, algorithm: JWSAlgModel) -> bool:
    try:
        algorithm.check_key(key)
    except JoseError:
        return False
    return True
