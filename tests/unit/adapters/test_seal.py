"""A sealed answer opens for its own question, as long as its key is in the keyring."""

from dataclasses import replace

import pytest

from safelight.adapters.seal import KeyringSeal
from safelight.domain.answer import Question
from safelight.domain.tokens import Keyring

QUESTION = Question("user:42", "key-1", "d" * 64)
OLD = Keyring({"a-1": b"a" * 32}, "a-1")
BOTH = Keyring({"a-1": b"a" * 32, "b": b"b" * 40}, "b")
NEW = Keyring({"b": b"b" * 40}, "b")
ANSWER = b"a token: v1.a.b.c"


def seal(ring: Keyring) -> KeyringSeal:
    return KeyringSeal(lambda: ring)


def test_what_is_sealed_can_be_opened_and_not_read() -> None:
    sealed = seal(OLD).close(ANSWER, QUESTION)

    assert seal(OLD).open(sealed, QUESTION) == ANSWER
    assert b"token" not in sealed


def test_the_same_answer_never_looks_the_same() -> None:
    assert len({seal(OLD).close(ANSWER, QUESTION) for _ in range(100)}) == 100


@pytest.mark.parametrize(
    "other", [replace(QUESTION, caller="user:4"), replace(QUESTION, key="key-2"), replace(QUESTION, digest="e" * 64)]
)
def test_an_answer_opens_for_no_other_question(other: Question) -> None:
    sealed = seal(OLD).close(ANSWER, QUESTION)

    assert seal(OLD).open(sealed, other) is None


def test_every_changed_byte_is_noticed() -> None:
    sealed = seal(OLD).close(ANSWER, QUESTION)

    for place in range(len(sealed)):
        changed = sealed[:place] + bytes([sealed[place] ^ 1]) + sealed[place + 1 :]
        assert seal(OLD).open(changed, QUESTION) is None


@pytest.mark.parametrize("broken", [b"", b"a-1", b"a-1.", b"a-1.short", b"\xff\xfe.", b"." * 50])
def test_what_was_never_sealed_does_not_open(broken: bytes) -> None:
    assert seal(OLD).open(broken, QUESTION) is None


def test_keys_rotate_and_retire() -> None:
    before, after = seal(OLD).close(ANSWER, QUESTION), seal(BOTH).close(ANSWER, QUESTION)

    assert seal(BOTH).open(before, QUESTION) == ANSWER
    assert seal(NEW).open(after, QUESTION) == ANSWER
    assert seal(NEW).open(before, QUESTION) is None
