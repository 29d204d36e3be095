"""A key that another host's keyring has, and this one's has not, is told in the log."""

import pytest
from structlog.testing import capture_logs

from safelight.apps.unknown_keys import AGAIN_AFTER, MOST_CHARS, MOST_KEYS, UnknownKeys
from safelight.domain.errors import TokenInvalid
from safelight.domain.keys import Key
from safelight.domain.tokens import DownloadClaims, Keyring, Tokens
from safelight.testing.fakes import NOW, FrozenClock

RING = Keyring({"here": b"h" * 32}, "here")
CLAIMS = DownloadClaims(Key("private/0190aaaabbbbccccddddeeeeffff0123/1/a/thumb.webp"), NOW + AGAIN_AFTER)


def tokens_of(key_id: str) -> Tokens:
    """Return the tokens of a host that signs with that key."""
    return Tokens(lambda: Keyring({key_id: b"t" * 32}, key_id))


def test_a_token_of_another_keyring_is_told_with_its_keys_id_and_without_the_token():
    here, token = Tokens(lambda: RING, unknown=UnknownKeys(FrozenClock())), tokens_of("there").sign_download(CLAIMS)

    with capture_logs() as logs, pytest.raises(TokenInvalid):
        here.verify_download(token, now=NOW)

    (line,) = logs
    assert (line["event"], line["log_level"], line["key"]) == ("signed_by_unknown_key", "warning", "there")
    assert token.rpartition(".")[2] not in str(line)


def test_a_token_that_is_forged_with_a_known_key_is_not_told():
    here, forged = Tokens(lambda: RING, unknown=UnknownKeys(FrozenClock())), tokens_of("here").sign_download(CLAIMS)

    with capture_logs() as logs, pytest.raises(TokenInvalid):
        here.verify_download(forged, now=NOW)

    assert logs == []


def test_each_key_is_told_once_a_minute():
    clock = FrozenClock()
    heard = UnknownKeys(clock)

    with capture_logs() as logs:
        for key_id in ("a", "b", "a"):
            heard(key_id)
        clock.advance(AGAIN_AFTER)
        heard("a")

    assert [line["key"] for line in logs] == ["a", "b", "a"]


def test_made_up_keys_fill_neither_the_log_nor_the_memory():
    heard = UnknownKeys(FrozenClock())

    with capture_logs() as logs:
        for number in range(10 * MOST_KEYS):
            heard(str(number))

    assert len(logs) == MOST_KEYS


@pytest.mark.parametrize("key_id", ["", "x" * (MOST_CHARS + 1)])
def test_what_is_no_id_of_a_key_is_not_told(key_id: str):
    heard = UnknownKeys(FrozenClock())

    with capture_logs() as logs:
        heard(key_id)

    assert logs == []
