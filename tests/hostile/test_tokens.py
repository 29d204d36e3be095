"""Nobody but us makes a token: no change to a valid one is accepted."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from safelight.domain.errors import TokenInvalid
from safelight.domain.keys import Key
from safelight.domain.tokens import DownloadClaims, Keyring, Tokens, UploadClaims

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
LATER = NOON + timedelta(minutes=5)
RING = Keyring({"a": b"a" * 32, "b": b"b" * 32}, "a")
TOKENS = Tokens(lambda: RING)
CLAIMS = UploadClaims(Key("incoming/20261101/0190aaaabbbbccccddddeeeeffff0123.1"), "image/jpeg", 9, None, LATER)
VALID = TOKENS.sign_upload(CLAIMS)
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ \n\0\u00e4"
MANY = settings(max_examples=1500, deadline=None)

positions = st.integers(0, len(VALID) - 1)


def refused(token: str) -> bool:
    if token == VALID:
        return True  # no change
    with pytest.raises(TokenInvalid):
        TOKENS.verify_upload(token, now=NOON)
    return True


@pytest.mark.parametrize("position", range(len(VALID)))
def test_no_character_can_be_exchanged(position: int):
    exchanged = [VALID[:position] + char + VALID[position + 1 :] for char in ALPHABET]

    assert all(refused(token) for token in exchanged)


@MANY
@given(positions, st.text(ALPHABET, max_size=5))
def test_nothing_can_be_put_in(position: int, more: str):
    assert refused(VALID[:position] + more + VALID[position:])


@MANY
@given(positions, positions)
def test_nothing_can_be_left_out(first: int, last: int):
    assert refused(VALID[: min(first, last)] + VALID[max(first, last) :])


@MANY
@given(st.permutations(VALID.split(".")))
def test_no_parts_can_change_places(parts: list[str]):
    assert refused(".".join(parts))


@given(st.integers(0, 1 << 40), st.sampled_from(["image/png", "", "image/jpeg"]))
@example(10, "image/jpeg")
def test_no_claim_can_be_taken_from_another_token(size: int, content_type: str):
    other = TOKENS.sign_upload(UploadClaims(CLAIMS.key, content_type, size, None, LATER)).split(".")
    version, key_id, _, mac = VALID.split(".")

    assert refused(".".join((version, key_id, other[2], mac)))


@given(st.text())
def test_no_text_is_a_token(text: str):
    assert refused(text)


def test_another_key_of_the_ring_does_not_help():
    version, _, payload, mac = VALID.split(".")

    assert refused(f"{version}.b.{payload}.{mac}")


def test_a_download_of_the_same_key_is_no_upload():
    assert refused(TOKENS.sign_download(DownloadClaims(CLAIMS.key, LATER)))
