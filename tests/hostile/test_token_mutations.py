"""A hundred thousand changes to valid tokens of every purpose: none is accepted, and none breaks what reads it.

A refusal is TokenInvalid. TokenExpired would be as bad as a success: it says that the signature was believed.
"""

import base64
import hashlib
import hmac
import json
import random
import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import permutations, product

import pytest

from safelight.domain.errors import RequestInvalid, TokenExpired, TokenInvalid
from safelight.domain.image import Checksum, ChecksumAlgorithm, Image, ImageId
from safelight.domain.keys import Key
from safelight.domain.tokens import (
    DownloadClaims,
    Keyring,
    Purpose,
    ShowClaims,
    Tokens,
    UploadClaims,
    derive,
    image_named_by,
)
from safelight.http.asgi import url_token

SEED = 2104
"""Of all chance here. A failure names it, with the token that was accepted."""

RANDOM_MUTANTS = 100_000

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
LATER, EARLIER = NOON + timedelta(minutes=5), NOON - timedelta(minutes=5)
KEYS = {"a": b"a" * 32, "A": b"b" * 32, "b2c3d4e5": b"c" * 32}
"""Two ids differ in case alone."""

TOKENS = {key_id: Tokens(partial(Keyring, KEYS, key_id)) for key_id in KEYS}
"""Every key signs once; all of them verify."""

VERIFIER = TOKENS["a"]
STRANGER = Tokens(partial(Keyring, {"a": b"z" * 32}, "a"))
"""Has a key of the same name, and another secret."""

BASE64URL = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"
"""In the order of their values (RFC 4648, table 2)."""

LOOKALIKES = {"0": "\u0660", "1": "\uff11", "2": "\u00b2", "a": "\u0430", "e": "\u0435", ".": "\u3002", "v": "\uff56"}
"""Digits, letters and dots of other alphabets, which some software folds into ours."""

JUNK = [*"=+/ ~%&?#;,:\\\"'", "\n", "\r\n", "\t", "\0", "\x7f", "\u00e4", "\u2028", "\udcff", "\U0001f512", "%2e", "=="]


NOTHING_ELSE = dict.fromkeys(one.name for one in fields(Image))
IMAGE = Image(**NOTHING_ELSE | {"id": ImageId("0190aaaabbbb7ccc8dddeeeeffff0123"), "token_generation": 1})
"""A token stands for no more than these two."""

OTHERS = [replace(IMAGE, id=ImageId("f" * 32)), replace(IMAGE, token_generation=IMAGE.token_generation + 1)]
PICTURE = Key(f"private/{IMAGE.id}/thumb-0123456789abcdef-96.jpg")
UPLOAD = UploadClaims(Key(f"incoming/20261101/{IMAGE.id}.1"), "image/jpeg", 9, None, LATER)
LINK = ShowClaims(IMAGE.id, "thumb", IMAGE.token_generation, LATER)
PROMISED = replace(UPLOAD, checksum=Checksum(ChecksumAlgorithm.CRC32C, "AAAAAA=="))


@dataclass(frozen=True)
class Case:
    """A purpose: what is valid for it just now, and what reads it."""

    purpose: Purpose
    valid: frozenset[str]
    verify: Callable[[str], object]


def read_image_token(purpose: Purpose, token: str) -> None:
    """Read a token as the API does: whose is it said to be, and is that so?"""
    image_named_by(token)
    VERIFIER.verify_image_token(token, purpose, IMAGE)


CASES = [
    *(
        Case(
            purpose,
            frozenset(tokens.image_token(purpose, IMAGE.id, IMAGE.token_generation) for tokens in TOKENS.values()),
            partial(read_image_token, purpose),
        )
        for purpose in (Purpose.WRITE, Purpose.READ)
    ),
    Case(
        Purpose.UPLOAD,
        frozenset(tokens.sign_upload(claims) for tokens in TOKENS.values() for claims in (UPLOAD, PROMISED)),
        lambda token: VERIFIER.verify_upload(token, now=NOON),
    ),
    Case(
        Purpose.DOWNLOAD,
        frozenset(tokens.sign_download(DownloadClaims(PICTURE, LATER)) for tokens in TOKENS.values()),
        lambda token: VERIFIER.verify_download(token, now=NOON),
    ),
    Case(
        Purpose.SHOW,
        frozenset(tokens.sign_show(LINK) for tokens in TOKENS.values()),
        lambda token: VERIFIER.verify_show(token, now=NOON),
    ),
]

ENDED = [
    VERIFIER.sign_upload(replace(UPLOAD, expires_at=EARLIER)),
    VERIFIER.sign_download(DownloadClaims(PICTURE, EARLIER)),
    VERIFIER.sign_show(replace(LINK, expires_at=EARLIER)),
]
OF_AN_IMAGE = (Purpose.WRITE, Purpose.READ)
FOREIGN = [
    *(VERIFIER.image_token(of, image.id, image.token_generation) for image in OTHERS for of in OF_AN_IMAGE),
    *(STRANGER.image_token(of, IMAGE.id, IMAGE.token_generation) for of in OF_AN_IMAGE),
    STRANGER.sign_upload(UPLOAD),
    STRANGER.sign_download(DownloadClaims(PICTURE, LATER)),
    STRANGER.sign_show(LINK),
]
"""Tokens that are good for something else, or with somebody else."""

MATERIAL = [token for case in CASES for token in sorted(case.valid)] + ENDED + FOREIGN

of_each_purpose = pytest.mark.parametrize("case", CASES, ids=[case.purpose for case in CASES])


def see_refused(case: Case, mutants: Iterator[str]) -> int:
    """Return how many were tried: all that are no token of ours. Fails at the first that is not refused."""
    tried = 0
    for mutant in mutants:
        if mutant in case.valid or mutant in ENDED:
            continue
        tried += 1
        try:
            case.verify(mutant)
        except TokenInvalid:
            continue
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is no refusal
            pytest.fail(f"seed {SEED}, {case.purpose}: {mutant!r} raised {error!r}")
        pytest.fail(f"seed {SEED}, {case.purpose}: {mutant!r} was accepted")
    return tried


# Every change of one kind, everywhere.


def bits(token: str) -> Iterator[str]:
    """Flip each bit of each character; the highest makes it no ASCII."""
    for place, bit in product(range(len(token)), range(8)):
        yield token[:place] + chr(ord(token[place]) ^ 1 << bit) + token[place + 1 :]


def characters(token: str) -> Iterator[str]:
    """Exchange, leave out, repeat and put in, at each place."""
    for place in range(len(token)):
        before, after = token[:place], token[place + 1 :]
        yield before + after
        yield before + token[place] * 2 + after
        yield before + after[:1] + token[place] + after[1:]
        for other in (*BASE64URL, ".", *JUNK):
            yield before + other + after
            yield before + other + token[place:]


def lengths(token: str) -> Iterator[str]:
    """Cut off at each place, from either end, and make longer."""
    for place in range(len(token)):
        yield token[:place]
        yield token[place + 1 :]
    for more in (*BASE64URL, *JUNK, ".", ".x", token, "A" * 4000):
        yield token + more
        yield more + token


def parts(token: str) -> Iterator[str]:
    """Change the places of the parts, leave some out, repeat some; take each from every other token."""
    mine = token.split(".")
    for count in range(7):
        yield from (".".join(chosen) for chosen in product([*mine, ""], repeat=count) if count <= 5)
    for other in MATERIAL:
        theirs = other.split(".")
        for choice in product((0, 1), repeat=4):
            yield ".".join((mine, theirs)[which][number] for number, which in enumerate(choice))


def names(token: str) -> Iterator[str]:
    """Name another key or version, in every spelling."""
    version, key_id, *rest = token.split(".")
    ids = [*KEYS, key_id.swapcase(), f" {key_id}", f"{key_id}\n", "", "none", "__class__", "0", "a\nb"]
    versions = ["v0", "v2", "V1", "v01", "1", "", "v1 ", "v\uff11"]
    yield from (".".join((version, other, *rest)) for other in ids)
    yield from (".".join((other, key_id, *rest)) for other in versions)


def spellings(token: str) -> Iterator[str]:
    """Write the very same bytes otherwise: padding, alphabets, case, spare bits, spaces, lookalikes, quotes."""
    mine = token.split(".")
    for number, part in enumerate(mine):
        for other in _spellings(part):
            yield ".".join((*mine[:number], other, *mine[number + 1 :]))
    yield from (token.upper(), token.lower(), token.swapcase(), token.title(), f'"{token}"', f"Bearer {token}")
    yield from (token.replace(ours, theirs) for ours, theirs in LOOKALIKES.items())
    yield from (token.replace("-", "+").replace("_", "/"), token.replace(".", "%2E"), token.encode().hex())


def _spellings(part: str) -> Iterator[str]:
    yield from (part + "=" * count for count in range(1, 5))
    yield from (part.upper(), part.lower(), part.swapcase(), f" {part}", f"{part} ", f"{part}\n", part[::-1])
    if part[-1] in BASE64URL:
        value = BASE64URL.index(part[-1])  # its last bits may be spare, and mean nothing to a decoder
        yield from (part[:-1] + BASE64URL[value ^ spare] for spare in range(1, 16))
    for place in range(0, len(part), 7):
        yield part[:place] + "\n" + part[place:]


def macs(token: str) -> Iterator[str]:
    """Sign it oneself, with everything that one has: no key, the id of the key, the wrong purpose's key."""
    version, key_id, payload, mac = token.split(".")
    signed = f"{version}\n{key_id}\n{payload}".encode()
    secrets = [b"", b"\0" * 32, key_id.encode(), b"safelight", *(derive(b"", purpose) for purpose in Purpose)]
    made = [hmac.digest(secret, text, "sha256") for secret in secrets for text in (signed, payload.encode(), b"")]
    made += [bytes(32), b"\xff" * 32, hashlib.sha256(signed).digest(), b"", bytes(31), bytes(64)]
    yield from (f"{version}.{key_id}.{payload}.{unpadded(one)}" for one in made)
    yield from (f"{version}.{key_id}.{payload}.{other}" for other in ("", "null", "0", "true", mac[:22], mac * 2))


def claims(token: str) -> Iterator[str]:
    """Claim something else, or the same in other words, under the signature that there is."""
    version, key_id, payload, mac = token.split(".")
    try:
        mine = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except ValueError:
        mine = [payload]
    for other in _claims(mine):
        yield f"{version}.{key_id}.{unpadded(other.encode())}.{mac}"
    yield from (f"{version}.{key_id}.{unpadded(text)}.{mac}" for text in (b"", b"\xff", b"[" * 900, b"{}", b"null"))


def _claims(mine: list[object]) -> Iterator[str]:
    yield from (json.dumps(list(order)) for order in permutations(mine))
    yield from (json.dumps(mine, indent=1), json.dumps({"claims": mine}), json.dumps([mine]), json.dumps([*mine, 1]))
    for number, claim in enumerate(mine):
        for other in (None, True, 0, -1, 1 << 62, 1e300, "", [], {}, claim + 60 if isinstance(claim, int) else [claim]):
            yield json.dumps([*mine[:number], other, *mine[number + 1 :]], separators=(",", ":"))


def unpadded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


EVERYWHERE = (bits, characters, lengths, parts, names, spellings, macs, claims)


@of_each_purpose
@pytest.mark.parametrize("mutate", EVERYWHERE, ids=lambda mutate: mutate.__name__)
def test_no_systematic_change_is_accepted(case: Case, mutate: Callable[[str], Iterator[str]]) -> None:
    tried = see_refused(case, (mutant for token in sorted(case.valid) for mutant in mutate(token)))

    assert tried > 20


@of_each_purpose
def test_no_token_of_another_purpose_image_or_generation_is_accepted(case: Case) -> None:
    tried = see_refused(case, iter(MATERIAL))

    assert tried >= len(MATERIAL) - len(case.valid) - len(ENDED)


# By chance, several changes at once.


def spliced(token: str, chance: random.Random) -> str:
    other = chance.choice(MATERIAL)
    return token[: chance.randrange(len(token) + 1)] + other[chance.randrange(len(other)) :]


def cut(token: str, chance: random.Random) -> str:
    first, last = sorted(chance.randrange(len(token) + 1) for _ in range(2))
    return token[:first] + token[last:]


def put_in(token: str, chance: random.Random) -> str:
    place = chance.randrange(len(token) + 1)
    return token[:place] + "".join(chance.choices([*BASE64URL, ".", *JUNK], k=chance.randint(1, 4))) + token[place:]


def exchanged(token: str, chance: random.Random) -> str:
    place = chance.randrange(len(token) + 1)
    return token[:place] + chance.choice(BASE64URL) + token[place + 1 :]


def shuffled(token: str, chance: random.Random) -> str:
    mine = token.split(".")
    chance.shuffle(mine)
    return ".".join(mine)


def forged(token: str, chance: random.Random) -> str:
    return f"{token.rpartition('.')[0]}.{unpadded(chance.randbytes(32))}"


BY_CHANCE = (spliced, cut, put_in, exchanged, shuffled, forged, exchanged)


def by_chance(case: Case, count: int) -> Iterator[str]:
    """Yield so many tokens with one to three changes each."""
    chance = random.Random(f"{SEED} {case.purpose}")
    valid = sorted(case.valid)
    for _ in range(count):
        mutant = chance.choice(valid)
        for change in chance.choices(BY_CHANCE, k=chance.choice((1, 1, 2, 3))):
            mutant = change(mutant, chance) or chance.choice(valid)
        yield mutant


@of_each_purpose
def test_no_change_by_chance_is_accepted(case: Case) -> None:
    tried = see_refused(case, by_chance(case, RANDOM_MUTANTS // len(CASES)))

    assert tried > 0.95 * RANDOM_MUTANTS / len(CASES)


# What is tried would find a reader that is less strict.


def lenient(token: str) -> None:
    """Read a download token as one might: by the bytes of its MAC."""
    version, key_id, payload, mac = token.split(".")
    signed = f"{version}\n{key_id}\n{payload}".encode()
    expected = hmac.digest(derive(KEYS.get(key_id, b""), Purpose.DOWNLOAD), signed, "sha256")
    if not hmac.compare_digest(base64.urlsafe_b64decode(mac + "=" * (-len(mac) % 4)), expected):
        raise TokenInvalid


def test_a_reader_that_takes_other_spellings_would_be_found() -> None:
    case = replace(next(case for case in CASES if case.purpose is Purpose.DOWNLOAD), verify=lenient)

    with pytest.raises(pytest.fail.Exception, match=f"seed {SEED}, download: .* was accepted"):
        see_refused(case, (mutant for token in sorted(case.valid) for mutant in spellings(token)))


# Around the token: the query that it stands in.


@pytest.mark.parametrize(
    "query",
    [
        "token={0}&token={0}",
        "token={0}&token=",
        "token=&token={0}",
        "token={0}&%74oken=x",
        "Token={0}",
        "TOKEN={0}",
        "token[]={0}",
        "token%00={0}",
        "token%20={0}",
        " token={0}",
        "token",
        "token=",
        "",
        "x=token={0}",
        "token={0}" + "&a=1" * 16,
    ],
)
def test_a_url_has_one_token_under_one_name(query: str) -> None:
    token = VERIFIER.sign_download(DownloadClaims(PICTURE, LATER))
    scope = {"query_string": query.format(token).encode()}

    with pytest.raises((TokenInvalid, RequestInvalid)):
        VERIFIER.verify_download(url_token(scope), now=NOON)


def test_every_purpose_is_tried() -> None:
    assert [case.purpose for case in CASES] == list(Purpose)


READERS = (VERIFIER.verify_upload, VERIFIER.verify_download, VERIFIER.verify_show)


@pytest.mark.parametrize(("token", "verify"), list(zip(ENDED, READERS, strict=True)))
def test_what_has_ended_says_so_while_it_is_unchanged(token: str, verify: Callable[..., object]) -> None:
    with pytest.raises(TokenExpired):
        verify(token, now=NOON)
