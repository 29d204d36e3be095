"""What may be agreed on for JWTs. Knows no library, so that settings are checked quickly."""

from collections.abc import Collection, Mapping
from urllib.parse import urlsplit

from safelight.domain.loopback import is_loopback

SECRET_ALGORITHMS: Mapping[str, int] = {"HS256": 32, "HS384": 48, "HS512": 64}
"""Algorithms that take a secret, with the bytes that it must have: as many as the hash (RFC 7518, 3.2)."""

KEY_ALGORITHMS = (
    *("RS256", "RS384", "RS512"),
    *("PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512"),
    *("EdDSA", "Ed25519"),
)
"""Algorithms that take a public key."""

DEFAULT_SECRET_ALGORITHMS = ("HS256",)
DEFAULT_KEY_ALGORITHMS = ("RS256", "ES256", "EdDSA")

PUBLIC_KEYS = ("-----BEGIN ", "ssh-", "ecdsa-sha2-")
"""What public keys look like. One that served as the secret would let anybody sign."""


def check_secret(secret: str) -> None:
    """Raise ValueError where this could not be kept from a stranger."""
    if any(mark in secret for mark in PUBLIC_KEYS):
        raise ValueError("is a public key, which is no secret. Serve it as a JWKS: SAFELIGHT_JWT_JWKS_URL")
    if len(secret.encode()) < SECRET_ALGORITHMS["HS256"]:
        raise ValueError("must have 32 bytes or more. This makes one: head -c 32 /dev/urandom | base64")


def check_jwks_url(url: str) -> None:
    """Raise ValueError where somebody on the way could put keys of their own in place of those that are meant."""
    parts = urlsplit(url)
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise ValueError("must begin with https://, or lead to this machine: whoever alters the keys can be anybody")


def algorithms_with_secret(wanted: tuple[str, ...], secret: str) -> tuple[str, ...]:
    """Return the algorithms to take from whoever has the secret. Raises ValueError."""
    _see_that_all_are_among(SECRET_ALGORITHMS, wanted, "SAFELIGHT_JWT_SECRET")
    algorithms = wanted or DEFAULT_SECRET_ALGORITHMS
    needed = max(SECRET_ALGORITHMS[name] for name in algorithms)
    if len(secret.encode()) < needed:
        raise ValueError(f"needs a SAFELIGHT_JWT_SECRET of {needed} bytes or more")
    return algorithms


def algorithms_with_keys(wanted: tuple[str, ...]) -> tuple[str, ...]:
    """Return the algorithms to take from whoever has the private keys. Raises ValueError."""
    _see_that_all_are_among(KEY_ALGORITHMS, wanted, "SAFELIGHT_JWT_JWKS_URL")
    return wanted or DEFAULT_KEY_ALGORITHMS


def _see_that_all_are_among(known: Collection[str], wanted: Collection[str], setting: str) -> None:
    if not set(wanted) <= set(known):
        raise ValueError(f"goes with {setting}, so each must be one of {' '.join(known)}")
