"""Seals what must be kept and may hold secrets, so that whoever reads the database learns nothing of use."""

from typing import Protocol

from safelight.domain.answer import Question


class Seal(Protocol):
    """Encrypts answers, each for the one question that it answers."""

    def close(self, answer: bytes, question: Question) -> bytes:
        """Return the answer, encrypted: of no use without the keyring, nor for another question."""
        ...

    def open(self, sealed: bytes, question: Question) -> bytes | None:
        """Return the answer; None where it was not sealed for this question, or its key was retired."""
        ...
