"""ports.seal.Seal by AES-256-GCM (NIST SP 800-38D), with a key that follows from a signing key.

A sealed answer names its signing key: `<key id>.<nonce><ciphertext and tag>`. The newest key seals and all of the
keyring open, so that keys can be rotated. Caller, key and digest of the question go into the tag.
"""

import os
from collections.abc import Callable
from contextlib import suppress

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from safelight.domain.answer import Question
from safelight.domain.tokens import Keyring, derive

PURPOSE = "answers"
"""What the key is derived for: no token is signed with it."""

NONCE_BYTES = 12
"""Random ones do for 2**32 answers under one key (SP 800-38D, 8.3): at 100 a second, for more than a year."""


class KeyringSeal:
    """Seals with the keyring that `current` gives at that moment."""

    def __init__(self, current: Callable[[], Keyring]) -> None:
        self._current = current

    def close(self, answer: bytes, question: Question) -> bytes:
        """Return the answer, encrypted."""
        ring = self._current()
        nonce = os.urandom(NONCE_BYTES)
        sealed = _cipher(ring.keys[ring.signing]).encrypt(nonce, answer, _bound_to(question))
        return ring.signing.encode() + b"." + nonce + sealed

    def open(self, sealed: bytes, question: Question) -> bytes | None:
        """Return the answer; None where it was not sealed for this question, or its key was retired."""
        key_id, _, rest = sealed.partition(b".")
        secret = self._current().keys.get(key_id.decode("latin-1"))
        if secret is None or len(rest) < NONCE_BYTES:
            return None
        with suppress(InvalidTag):
            return _cipher(secret).decrypt(rest[:NONCE_BYTES], rest[NONCE_BYTES:], _bound_to(question))
        return None


def _cipher(secret: bytes) -> AESGCM:
    return AESGCM(derive(secret, PURPOSE))


def _bound_to(question: Question) -> bytes:
    """Return what tells one question from any other: no key and no digest holds a line break."""
    return f"{question.digest}\n{question.key}\n{question.caller}".encode()
