"""Tokens: what they prove, until when, and to whom."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from safelight.domain.errors import TokenExpired, TokenInvalid
from safelight.domain.image import Checksum, ChecksumAlgorithm, ImageId
from safelight.domain.keys import Key
from safelight.domain.tokens import DownloadClaims, Keyring, Purpose, Tokens, UploadClaims, derive, image_named_by

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
LATER = NOON + timedelta(minutes=5)
KEY = Key("incoming/20261101/0190aaaabbbbccccddddeeeeffff0123.1")
OLD, NEW = b"o" * 32, b"n" * 32


def tokens(**keys: bytes) -> Tokens:
    """Return tokens of these keys; the last one signs."""
    ring = Keyring(keys, list(keys)[-1])
    return Tokens(lambda: ring)


@pytest.mark.parametrize("checksum", [None, Checksum(ChecksumAlgorithm.SHA256, "abc=")])
def test_an_upload_token_gives_back_what_it_permits(checksum: Checksum | None):
    claims = UploadClaims(KEY, "image/jpeg", 9, checksum, LATER)

    verified = tokens(a=OLD).verify_upload(tokens(a=OLD).sign_upload(claims), now=NOON)

    assert verified == claims


def test_a_token_ends_at_its_second():
    token = tokens(a=OLD).sign_download(DownloadClaims(KEY, LATER))

    tokens(a=OLD).verify_download(token, now=LATER - timedelta(microseconds=1))
    with pytest.raises(TokenExpired):
        tokens(a=OLD).verify_download(token, now=LATER)


def test_a_token_of_one_purpose_is_worthless_for_another():
    upload = tokens(a=OLD).sign_upload(UploadClaims(KEY, "image/jpeg", 9, None, LATER))
    download = tokens(a=OLD).sign_download(DownloadClaims(KEY, LATER))

    with pytest.raises(TokenInvalid):
        tokens(a=OLD).verify_download(upload, now=NOON)
    with pytest.raises(TokenInvalid):
        tokens(a=OLD).verify_upload(download, now=NOON)


def test_a_rotated_key_verifies_until_it_is_retired():
    token = tokens(a=OLD).sign_download(DownloadClaims(KEY, LATER))

    tokens(a=OLD, b=NEW).verify_download(token, now=NOON)
    with pytest.raises(TokenInvalid):
        tokens(b=NEW).verify_download(token, now=NOON)


def test_a_keyring_can_change_while_running():
    ring = [Keyring({"a": OLD}, "a")]
    running = Tokens(lambda: ring[0])
    before = running.sign_download(DownloadClaims(KEY, LATER))

    ring[0] = Keyring({"a": OLD, "b": NEW}, "b")
    after = running.sign_download(DownloadClaims(KEY, LATER))

    assert (before.split(".")[1], after.split(".")[1]) == ("a", "b")
    assert running.verify_download(before, now=NOON) == running.verify_download(after, now=NOON)


def test_another_secret_under_the_same_id_verifies_nothing():
    token = tokens(a=OLD).sign_download(DownloadClaims(KEY, LATER))

    with pytest.raises(TokenInvalid):
        tokens(a=NEW).verify_download(token, now=NOON)


def test_an_image_token_names_its_image():
    token = tokens(a=OLD).image_token(Purpose.READ, ImageId("0190"), 1)

    assert image_named_by(token) == "0190"


def test_equal_claims_give_equal_tokens():
    first, second = (tokens(a=OLD).sign_download(DownloadClaims(KEY, LATER)) for _ in range(2))

    assert first == second


READERS: dict[str, Callable[[Tokens, str], object]] = {
    "upload": lambda tokens, text: tokens.verify_upload(text, now=NOON),
    "download": lambda tokens, text: tokens.verify_download(text, now=NOON),
    "image": lambda _, text: image_named_by(text),
}


@pytest.mark.parametrize("text", ["", ".", "...x.", "v1.a", "v1.a.b.c.d", "v1." + "x" * 3000 + ".b.c", "v1.ä.b.c"])
@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
def test_what_is_no_token_is_invalid(reader: Callable[[Tokens, str], object], text: str):
    with pytest.raises(TokenInvalid):
        reader(tokens(a=OLD), text)


def test_every_purpose_of_every_key_has_a_secret_of_its_own():
    derived = {derive(OLD, purpose) for purpose in Purpose} | {derive(NEW, purpose) for purpose in Purpose}

    assert len(derived) == 2 * len(Purpose)
    assert {len(key) for key in derived} == {32}


@pytest.mark.parametrize("purpose", Purpose)
@pytest.mark.parametrize("secret", [OLD, bytes(range(32)), b"x" * 64, b"y" * 200])
def test_keys_are_derived_as_rfc_5869_says(purpose: Purpose, secret: bytes):
    hkdf = HKDF(SHA256(), length=32, salt=None, info=f"safelight {purpose}".encode())

    assert derive(secret, purpose) == hkdf.derive(secret)


def test_a_keyring_that_changes_while_a_token_is_made_signs_with_the_key_that_it_names():
    rings = iter([Keyring({"a": OLD}, "a"), Keyring({"b": NEW}, "b"), Keyring({"b": NEW}, "b")])
    changing = Tokens(lambda: next(rings))

    token = changing.sign_download(DownloadClaims(KEY, LATER))

    assert tokens(a=OLD).verify_download(token, now=NOON)
