"""Knows users by the JWTs that the application, or its identity provider, gave them."""

import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import Any, Protocol

import msgspec
import structlog
from joserfc import jws
from joserfc.errors import JoseError, UnsupportedAlgorithmError
from joserfc.jwa import JWSAlgModel
from joserfc.jwk import Key, OctKey
from joserfc.jwt import ClaimsOption, JWTClaimsRegistry

from safelight.domain.errors import NotAuthenticated
from safelight.domain.who import Role, Who
from safelight.ports.clock import Clock

MAX_TOKEN_CHARS = 8192
"""A longer one is refused before anything is computed. Larger ones hardly pass the servers in front of us, either."""

MAX_SUBJECT_CHARS = 200
"""As long as any name that the application gives to something of its own."""

UNPRINTABLE = frozenset({"Cc", "Cs"})
"""Categories of Unicode: control characters, and halves of characters that no database keeps."""

REGISTERED = frozenset({"aud", "exp", "iat", "iss", "nbf", "sub"})
"""Claims that are looked at; the names of others are the token's own."""

log = structlog.get_logger(__name__)

MALFORMED = (JoseError, ValueError, TypeError, RecursionError)
"""What parsing and verifying raise at what a stranger may send."""


class _Refused(ValueError):
    """A token that is well made and names nobody here. Its text says why, and holds nothing of the token."""


def _reason(error: Exception) -> str:
    """Return why a token was refused: of what the library raises, the sort alone, and which claim it is about."""
    if isinstance(error, _Refused):
        return str(error)
    claim = getattr(error, "claim", None)
    return f"{type(error).__name__} {claim}" if claim in REGISTERED else type(error).__name__


class Keys(Protocol):
    """The keys that sign JWTs."""

    async def find(self, kid: str | None, algorithm: JWSAlgModel) -> Key | None:
        """Return the key of this id that is for this algorithm, or None. Raises Busy where that cannot be told."""
        ...


class SecretKey:
    """One secret that the application signs with. Fulfils `Keys`; what a token says of its key is not asked."""

    def __init__(self, secret: str) -> None:
        self._key = OctKey.import_key(secret)

    async def find(self, kid: str | None, algorithm: JWSAlgModel) -> Key | None:
        """Return the secret, for an algorithm that takes one."""
        del kid
        return self._key if algorithm.key_type == self._key.key_type else None


@dataclass(frozen=True, slots=True)
class Expected:
    """What every JWT must have: one of these algorithms, and issuer and audience where they are named."""

    algorithms: Collection[str]
    issuer: str | None
    audience: str | None
    leeway: timedelta


class JwtIdentities:
    """Fulfils `ports.identity.Identities`. Nothing that a token says of itself is believed before it is verified."""

    def __init__(self, keys: Keys, expected: Expected, clock: Clock) -> None:
        self._keys = keys
        self._expected = expected
        self._clock = clock
        self._algorithms = _Pinned(algorithms=expected.algorithms, strict_check_header=False)

    async def user(self, token: str) -> Who:
        """Return the user that a JWT names, its subject. Raises NotAuthenticated, and Busy where it cannot tell.

        Why a token names nobody is for the log: whoever sent it learns nothing.
        """
        try:
            return await self._user(token)
        except MALFORMED as error:
            log.info("jwt_refused", reason=_reason(error))
            raise NotAuthenticated from None

    async def _user(self, token: str) -> Who:
        """Return the user. Raises one of MALFORMED, and Busy."""
        if len(token) > MAX_TOKEN_CHARS or not token.isascii():
            raise _Refused("too long, or not ASCII")
        signed = jws.extract_compact(token.encode(), registry=self._algorithms)
        kid, algorithm = self._named_by(signed.headers())
        key = await self._keys.find(kid, algorithm)
        if key is None:
            raise _Refused("no key fits its key id and algorithm")
        if not jws.validate_compact(signed, key, registry=self._algorithms):
            raise _Refused("the signature is wrong")
        claims = msgspec.json.decode(signed.payload, type=dict[str, Any])
        self._registry().validate(claims)
        return Who(Role.USER, id=_subject(claims), claims=MappingProxyType(claims))

    def _named_by(self, header: object) -> tuple[str | None, JWSAlgModel]:
        """Return which key and algorithm a header names. Raises one of MALFORMED.

        Extensions that must be understood (`crit`) are not: a JWT needs none, and may not use the one that there is
        (`b64`; RFC 7797, 7).
        """
        if not isinstance(header, dict) or "crit" in header:
            raise _Refused("its header asks for extensions")
        kid = header.get("kid")
        if not isinstance(kid, str | None):
            raise _Refused("its key id is no text")
        return kid, self._algorithms.get_alg(header["alg"])

    def _registry(self) -> JWTClaimsRegistry:
        """Return what checks the claims, now.

        One with an audience is for nobody else (RFC 7519, 4.1.3): where none is expected, it is not for us.
        """
        expected = self._expected
        options: dict[str, ClaimsOption] = {"exp": {"essential": True}, "sub": {"essential": True}}
        if expected.issuer is not None:
            options["iss"] = {"essential": True, "value": expected.issuer}
        options["aud"] = {"values": [expected.audience or ""], "essential": expected.audience is not None}
        now = int(self._clock.now().timestamp())
        return JWTClaimsRegistry(now=now, leeway=int(expected.leeway.total_seconds()), **options)


class _Pinned(jws.JWSRegistry):
    """The algorithms that were agreed, whatever the library recommends or warns of."""

    def get_alg(self, name: str) -> JWSAlgModel:
        """Return an agreed algorithm. Raises UnsupportedAlgorithmError for any other."""
        if name not in (self.allowed or ()):
            raise UnsupportedAlgorithmError
        return self.algorithms[name]


def _subject(claims: dict[str, Any]) -> str:
    subject = claims["sub"]
    well_formed = (
        isinstance(subject, str)
        and 0 < len(subject) <= MAX_SUBJECT_CHARS
        and not any(unicodedata.category(character) in UNPRINTABLE for character in subject)
    )
    if not well_formed:
        raise _Refused("its subject is no text that can name a user")
    return str(subject)
