"""A JWT names a user if everything about it is as agreed, and nobody otherwise."""

import base64
import hashlib
import hmac
import json
import warnings
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwa import JWSAlgModel
from joserfc.jwk import ECKey, Key, OctKey, OKPKey, RSAKey
from structlog.testing import capture_logs

from safelight.adapters.jwt.identities import Expected, JwtIdentities, Keys, SecretKey
from safelight.domain.errors import NotAuthenticated
from safelight.domain.who import Role
from safelight.ports.identity import Identities
from safelight.testing.fakes import NOW, FrozenClock

SECRET = "a secret of the application, over 32 bytes long"
NOON = int(NOW.timestamp())
LEEWAY_S = 30
CLAIMS = {"sub": "42", "exp": NOON + 60, "iss": "https://app.example", "aud": "safelight", "role": "editor"}
RSA = RSAKey.generate_key(2048, {"kid": "rsa"})


def identities(keys: Keys | None = None, *algorithms: str, **expected: Any) -> Identities:
    agreed = {"issuer": "https://app.example", "audience": "safelight", "leeway": timedelta(seconds=LEEWAY_S)}
    return JwtIdentities(
        keys or SecretKey(SECRET), Expected(algorithms or ("HS256",), **{**agreed, **expected}), FrozenClock()
    )


def token(changes: dict[str, Any] | None = None, header: dict[str, Any] | None = None, secret: str = SECRET) -> str:
    """Return a JWT with these claims changed; None takes one away. It is signed by hand, so that all can be wrong."""
    claims = {name: value for name, value in {**CLAIMS, **(changes or {})}.items() if value is not None}
    return by_hand(json.dumps(claims).encode(), header, secret)


def by_hand(payload: bytes, header: dict[str, Any] | None = None, secret: str = SECRET) -> str:
    signed = f"{encoded(json.dumps(header or {'alg': 'HS256', 'typ': 'JWT'}).encode())}.{encoded(payload)}"
    return f"{signed}.{encoded(hmac.digest(secret.encode(), signed.encode(), hashlib.sha256))}"


def encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


class OneKey:
    """Gives one public key for whatever is asked, so that the algorithm alone is in question."""

    def __init__(self, key: Key) -> None:
        self._key = key

    async def find(self, kid: str | None, algorithm: JWSAlgModel) -> Key:
        del kid, algorithm
        return self._key


async def test_a_good_token_names_the_user_and_what_it_claims() -> None:
    who = await identities().user(token())

    assert (who.role, who.id, who.scopes, who.api_key) == (Role.USER, "42", frozenset(), None)
    assert dict(who.claims) == CLAIMS
    with pytest.raises(TypeError):
        who.claims["role"] = "owner"  # type: ignore[index]  # that it cannot be is what is tried


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": NOON - LEEWAY_S + 1},
        {"nbf": NOON + LEEWAY_S},
        {"iat": NOON + LEEWAY_S},
        {"aud": ["somebody else", "safelight"]},
        {"sub": "ü" * 200},
        {"sub": " "},
        {"exp": NOON + 60.5},
        {"exp": 10**30},
    ],
    ids=repr,
)
async def test_what_is_just_good_is_taken(changes: dict[str, Any]) -> None:
    who = await identities().user(token(changes))

    assert who.id == changes.get("sub", "42")


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": None},
        {"exp": NOON - LEEWAY_S},
        {"exp": NOON - 3600},
        {"exp": str(NOON + 60)},
        {"exp": True},
        {"nbf": NOON + LEEWAY_S + 1},
        {"nbf": "now"},
        {"iat": NOON + LEEWAY_S + 1},
        {"iss": None},
        {"iss": "https://app.example/"},
        {"iss": "https://APP.example"},
        {"iss": ["https://app.example"]},
        {"aud": None},
        {"aud": "safelight2"},
        {"aud": []},
        {"aud": ["somebody else"]},
        {"aud": [["safelight"]]},
        {"aud": {"safelight": True}},
        {"sub": None},
        {"sub": 42},
        {"sub": True},
        {"sub": ""},
        {"sub": ["42"]},
        {"sub": "4" * 201},
        {"sub": "4\n2"},
        {"sub": "4\x002"},
        {"sub": "4\x7f2"},
        {"sub": "4\x852"},
    ],
    ids=repr,
)
async def test_a_claim_that_is_not_as_agreed_makes_it_worthless(changes: dict[str, Any]) -> None:
    with pytest.raises(NotAuthenticated):
        await identities().user(token(changes))


async def test_without_an_issuer_agreed_any_will_do() -> None:
    assert (await identities(issuer=None).user(token({"iss": None}))).id == "42"
    assert (await identities(issuer=None).user(token())).id == "42"


async def test_without_an_audience_agreed_one_that_is_for_somebody_is_not_for_us() -> None:
    assert (await identities(audience=None).user(token({"aud": None}))).id == "42"
    with pytest.raises(NotAuthenticated):
        await identities(audience=None).user(token())


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "none"},
        {"alg": "None"},
        {"alg": "HS384"},
        {"alg": "RS256"},
        {"alg": "hs256"},
        {"alg": ["HS256"]},
        {"alg": None},
        {"typ": "JWT"},
        {"alg": "HS256", "crit": ["b64"], "b64": True},
        {"alg": "HS256", "crit": ["exp"], "exp": NOON},
        {"alg": "HS256", "crit": []},
        {"alg": "HS256", "b64": False},
        {"alg": "HS256", "kid": 7},
        {"alg": "HS256", "enc": "A256GCM", "pad": "x" * 600},
    ],
    ids=repr,
)
async def test_a_header_that_was_not_agreed_makes_it_worthless(header: dict[str, Any]) -> None:
    with pytest.raises(NotAuthenticated):
        await identities().user(token(header=header))


async def test_a_header_may_say_more_than_needed() -> None:
    who = await identities().user(token(header={"alg": "HS256", "kid": "any", "cat": "of the provider's own"}))

    assert who.id == "42"


async def test_an_unsigned_token_is_worthless_whatever_it_says() -> None:
    body = encoded(json.dumps(CLAIMS).encode())
    heads = [encoded(json.dumps(header).encode()) for header in ({"alg": "none"}, {"alg": "HS256"}, {"alg": ""})]

    for head in heads:
        with pytest.raises(NotAuthenticated):
            await identities().user(f"{head}.{body}.")


async def test_the_public_key_is_no_secret() -> None:
    """Who knows the public key, as everybody does, signs with it as if it were a secret."""
    public = RSA.as_pem(private=False).decode()
    forged = token(secret=public)

    for algorithms in (("RS256",), ("RS256", "ES256", "EdDSA")):
        with pytest.raises(NotAuthenticated):
            await identities(OneKey(RSA), *algorithms).user(forged)


async def test_a_public_key_verifies_nothing_for_an_algorithm_with_a_secret() -> None:
    """Even where both were agreed on, which settings do not allow."""
    with pytest.raises(NotAuthenticated):
        await identities(OneKey(RSA), "RS256", "HS256").user(token(secret=RSA.as_pem(private=False).decode()))


async def test_another_secret_signs_for_nobody() -> None:
    with pytest.raises(NotAuthenticated):
        await identities().user(token(secret=SECRET + "x"))


@pytest.mark.parametrize(
    ("algorithm", "make"),
    [
        ("RS256", lambda: RSA),
        ("PS256", lambda: RSA),
        ("ES256", lambda: ECKey.generate_key("P-256")),
        ("ES512", lambda: ECKey.generate_key("P-521")),
        ("EdDSA", lambda: OKPKey.generate_key("Ed25519")),
        ("Ed25519", lambda: OKPKey.generate_key("Ed25519")),
    ],
)
async def test_public_keys_of_every_sort_verify_and_those_of_another_do_not(
    algorithm: str, make: Callable[[], Key]
) -> None:
    key = make()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the library's own, of EdDSA, when it signs
        signed = jwt.encode({"alg": algorithm}, dict(CLAIMS), key, algorithms=[algorithm])

    assert (await identities(OneKey(key), algorithm).user(signed)).id == "42"
    for other in (ECKey.generate_key("P-384"), OctKey.import_key(SECRET), RSAKey.generate_key(2048)):
        with pytest.raises(NotAuthenticated):
            await identities(OneKey(other), algorithm).user(signed)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"null",
        b"[]",
        b'"42"',
        b"{",
        b'{"sub": "42", "exp": NaN}',
        b'{"sub": "42", "exp": 1e999}',
        b'{"sub": "\\ud800", "exp": 99999999999}',
        b'{"sub": "\xff", "exp": 99999999999}',
        b'{"sub": "42", "exp": 99999999999, "deep": ' + b"[" * 2000 + b"]" * 2000 + b"}",
    ],
    ids=lambda payload: payload[:40],
)
async def test_well_signed_nonsense_is_nonsense(payload: bytes) -> None:
    with pytest.raises(NotAuthenticated):
        await identities(issuer=None, audience=None).user(by_hand(payload))


@pytest.mark.parametrize(
    "spoilt",
    [
        "{head}.{claims}.{mac}=",
        "{head}.{claims}.{mac}A",
        ".{head}.{claims}.{mac}",
        "{head}.{claims}.{mac}.",
        "{head}{claims}{mac}",
        "{head}.{claims}.",
        "{head}.{claims}.é",
        "{claims}.{head}.{mac}",
        "..",
        "\ud800.a.b",
        *(encoded(head) + ".{claims}.{mac}" for head in (b"[" * 300, b'"alg"', b'["alg"]', bytes(range(128, 200)))),
    ],
)
async def test_a_spoilt_token_is_refused_as_any_other(spoilt: str) -> None:
    head, claims, mac = token().split(".")

    with pytest.raises(NotAuthenticated):
        await identities().user(spoilt.format(head=head, claims=claims, mac=mac))


async def test_a_token_too_long_is_not_even_read() -> None:
    long = token({"roles": ["x" * 100] * 60})
    assert 8192 < len(long) < 16_000

    with pytest.raises(NotAuthenticated):
        await identities().user(long)


@pytest.mark.parametrize(
    ("spoilt", "reason"),
    [
        ({"exp": NOW.timestamp() - 3600}, "ExpiredTokenError exp"),
        ({"aud": "somebody else"}, "InvalidClaimError aud"),
        ({"sub": "a\nb"}, "its subject"),
    ],
)
async def test_why_a_token_is_refused_is_for_the_log_alone(spoilt: dict[str, Any], reason: str) -> None:
    with capture_logs() as logged, pytest.raises(NotAuthenticated) as refused:
        await identities().user(token(spoilt))

    assert reason in logged[0]["reason"]
    assert "somebody else" not in str(logged)
    assert str(refused.value) == str(NotAuthenticated())
